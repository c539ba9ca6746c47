"""Deep generative models derived in notebooks: variational autoencoders, denoising diffusion, score matching.

`from genmodels import VAE, DDPM, NCSN, fit, digits, show_images` is all that most programs need.
Importing the package costs nothing: each name is fetched from its module when it is first used."""
__version__ = "0.0.1"

_names = dict(
    gauss='log_normal kl_normal reparam',
    mixture='GaussianMixture moons',
    pictures='digits mnist show_images show_film save_images',
    folders='images dataset',
    shapes='glyphs draw_glyph',
    spec='record',
    blocks='MLP',
    nets='TimeMLP UNet',
    refinenet='RefineNet refinenet_song2019',
    average='evaluating',
    checkpoint='save load',
    zoo='pretrained',
    descent='History',
    train='fit',
    metrics='mmd mmd_test sliced_wasserstein frechet precision_recall nearest',
    reader='digit_net legibility',
    elbo='LinearGaussian elbo_terms',
    vae='VAE ConvEncoder ConvDecoder',
    hvae='HVAE LayeredPrior MixturePrior VampPrior Watch active_units mutual_information warmup '
         'water_filling',
    estimators='iwae_bound dreg_bound ais',
    path='Path betas_path ddpm_path cosine_path sigmoid_path karras_path ncsn_path straight_path',
    denoise='Denoiser sigma2_weight snr_weight min_snr_weight edm_weight stable_loss',
    samplers='posterior ddpm_step ddim_step heun_step dpmpp_2m times threshold sample',
    ddpm='DDPM learned_step',
    guidance='guided classifier_guided drop_labels label_dropout inpaint_step',
    ho2020='HoUNet unet_ho2020',
    published='load_diffusers',
    score='langevin_step mala_step',
    ncsn='NCSN ScoreNet',
    ncsn2='suggest_sigmas suggest_step ByDivision consistent_step consistent_sample')
_module = {name: module for module,names in _names.items() for name in names.split()}
__all__ = list(_module)

def __getattr__(name):
    if name not in _module: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module
    value = globals()[name] = getattr(import_module(f'{__name__}.{_module[name]}'), name)
    return value

def __dir__(): return sorted({*globals(), *__all__})
