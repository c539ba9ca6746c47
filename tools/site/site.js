// What Quarto brings and make site's pages need, too: a switch of the theme, and a search that works without a network.
(() => {
  const root = document.documentElement
  document.getElementById('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme == 'dark' ? 'light' : 'dark'
    try { localStorage.setItem('theme', root.dataset.theme) } catch {}
  })

  const box = document.getElementById('search'), found = document.getElementById('found')
  const plain = s => s.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '')
  const shown = s => s.replace(/[&<>"]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c])
  let sections                              // [link, title, text], from search.js, fetched when the box is first used
  const load = () => sections ? Promise.resolve() : new Promise(done => {
    const s = document.createElement('script')
    s.src = 'search.js'
    s.onload = () => { sections = window.SEARCH.map(o => [...o, plain(o[1]), plain(o[2])]); done() }
    document.head.append(s)
  })
  const count = (text, word) => text.split(word).length - 1
  function look() {
    const words = plain(box.value).split(/\s+/).filter(Boolean)
    if (!words.length || !sections) { found.replaceChildren(); return }
    // what explains stands before what lists, and a page that says a word often comes first itself
    const weight = link => /^(reference|notation|equations|mistakes|one_sheet|index)/.test(link) ? 1 : 4
    const often = {}
    for (const o of sections) for (const w of words) {
      const page = o[0].split('#')[0]
      often[page] = (often[page] ?? 0) + count(o[4], w)
    }
    const score = o => words.every(w => o[3].includes(w) || o[4].includes(w)) ? Math.min(20, often[o[0]] ?? 0) +
      words.reduce((sum, w) => sum + 10*count(o[3], w) + Math.min(5, count(o[4], w)), 0) : 0
    const hits = sections.map(o => [weight(o[0])*score(o), o])
      .filter(([score]) => score).sort((a, b) => b[0] - a[0]).slice(0, 12)
    found.innerHTML = hits.map(([, [link, title, text]]) => {
      const at = Math.max(0, plain(text).indexOf(words[0]) - 40)
      return `<a href="${link}"><strong>${shown(title)}</strong><small>${shown(text.slice(at, at + 120))}</small></a>`
    }).join('') || '<p>Nothing found.</p>'
  }
  box.addEventListener('focus', load)
  box.addEventListener('input', () => load().then(look))
  box.addEventListener('keydown', e => { if (e.key == 'Escape') { box.value = ''; look() } })
  box.form.addEventListener('submit', e => { e.preventDefault(); found.querySelector('a')?.click() })
  addEventListener('keydown', e => {
    if (e.key == '/' && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) { e.preventDefault(); box.focus() }
  })
  document.addEventListener('click', e => { if (!box.form.contains(e.target)) found.replaceChildren() })
})()
