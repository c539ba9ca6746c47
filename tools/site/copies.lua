-- After site.lua and citeproc: what that made for a page becomes Markdown that JupyterLab, Colab and others show.
-- Every label goes into the notebook's metadata, with its text and its cell, for the links of other copies.
local labels, heading, cell = {}, '', ''

-- JupyterLab's name of a heading
local function slug(h) return (pandoc.utils.stringify(h.content):gsub(' ', '-')) end

local function note(id, text)
  if id ~= '' then labels[id] = {text=text, heading=heading, cell=cell} end
end

local function is(el, class) return el.classes:includes(class) end

local function number_of(el)
  local text = ''
  el:walk{Span=function(s) if is(s, 'equation-number') then text = pandoc.utils.stringify(s) end end}
  return text
end

local function name_of(caption)      -- **Figure 3:** ...
  local first = caption[1] and caption[1].content[1]
  return first and first.t == 'Strong' and pandoc.utils.stringify(first):gsub(':$', '') or ''
end

-- ::: first pass, in the order of the page
local collect = {
  traverse = 'topdown',
  Header = function(el) heading = slug(el); note(el.identifier, pandoc.utils.stringify(el.content)) end,
  Div = function(el)
    if is(el, 'cell') then cell = el.identifier end
    if is(el, 'equation') then note(el.identifier, number_of(el)) end
  end,
  Figure = function(el) note(el.identifier, name_of(el.caption.long)) end,
  Table = function(el) note(el.identifier, name_of(el.caption.long)) end,
}

-- ::: second pass
local function paragraphs(blocks)
  return blocks:map(function(b) return b.t == 'Plain' and pandoc.Para(b.content) or b end)
end

local function equation(el)
  local number, math = number_of(el), nil
  el:walk{Math=function(m) math = m end}
  if number ~= '' then math.text = math.text:gsub('%s+$', '') .. ' \\tag{' .. number:sub(2, -2) .. '}' end
  return pandoc.Para{math}
end

-- in a quotation every line of Markdown begins with `>`, and JupyterLab would take that for a part of the formula
local function one_line(m) m.text = m.text:gsub('%s*\n%s*', ' '); return m end

local function div(el)
  if is(el, 'equation') then return equation(el) end
  if is(el, 'callout-title') then return pandoc.Para{pandoc.Strong(el.content[1].content)} end
  if is(el, 'callout') then return pandoc.BlockQuote(el.content):walk{Math=one_line} end
  if not is(el, 'cell') then return el.content end
end

local function captioned(body, caption)
  local res = pandoc.List(body):filter(function(b) return not (b.t == 'RawBlock' and b.text == '') end)
  res:extend(paragraphs(caption))
  return res
end

local function figure(el) return captioned(el.content, el.caption.long) end

local function tabular(el)
  local caption = el.caption.long
  if #caption == 0 then return nil end
  el.caption.long = {}
  return captioned({el}, caption)
end

-- `<details><summary>`, words, `</summary>`: on one line, or the words stand below their triangle
local function summaries(blocks)
  local res, i, found = pandoc.List{}, 1, false
  while i <= #blocks do
    local b, words = blocks[i], blocks[i+1]
    if b.t == 'RawBlock' and b.text:match('^<details.*<summary>$') then
      local html = pandoc.write(pandoc.Pandoc{words}, 'html', {html_math_method='mathjax', wrap_text='none'})
      res:insert(pandoc.RawBlock('html', '<details><summary>' .. html:gsub('%s+$', '') .. '</summary>'))
      i, found = i + 2, true
    else res:insert(b) end
    i = i + 1
  end
  return found and paragraphs(res) or nil      -- with empty lines round them, or they are not read as Markdown
end

local function link(el)
  if is(el, 'ref') then return el.content end
  local here = labels[el.target:match('^#(.+)$')]
  return pandoc.Link(el.content, here and '#' .. here.heading or el.target)
end

-- A picture that lies beside the notebook goes into its text: JupyterLab shows no SVG among the attachments of a cell.
-- Its attributes go, they would make HTML of it.
local function image(el)
  local alt = el.attributes.alt and {pandoc.Str(el.attributes.alt)} or el.caption
  if el.src:match('^%a[%w+.-]*:') then return pandoc.Image(alt, el.src) end
  return pandoc.Image(alt, pandoc.mediabag.make_data_uri(pandoc.mediabag.fetch(el.src)))
end

-- `# checks @eq-x` becomes `# checks (3)`
local function code(el)
  el.text = el.text:gsub('@(%a+%-[%w_-]+)', function(id) return labels[id] and labels[id].text end)
  return el
end

local function finish(doc)
  doc.meta.jupyter = {labels=labels}
  return doc
end

-- bibtex's {GANs} keep their capitals, by a <span> that no reader needs
local function span(el) if is(el, 'nocase') then return el.content end end

return {collect, {Div=div, Figure=figure, Table=tabular, Link=link, Image=image, CodeBlock=code, Span=span}, {Blocks=summaries}, {Pandoc=finish}}
