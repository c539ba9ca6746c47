-- What Quarto adds to pandoc's Markdown and the chapters use: numbered equations, figures and tables with references
-- (`@eq-x`, `[-@fig-y]`), callouts, folded code. Reports what it can't resolve on stderr, one line each.
local KIND = {eq='Equation', fig='Figure', tbl='Table', sec='Section'}
local number, count, title = {}, {}, {}

local function problem(s) io.stderr:write(s .. '\n') end
local function kind_of(id) return id:match('^(%a+)%-.+$') end

local function add(id)
  local k = kind_of(id)
  if number[id] then problem('the label ' .. id .. ' is given twice') end
  count[k] = (count[k] or 0) + 1
  number[id] = count[k]
  return number[id]
end

-- ::: figures: a block `{=genmodels}` that page.py wrote
local function figure(el)
  if el.format ~= 'genmodels' then return nil end
  local d = pandoc.json.decode(el.text, false)
  local body
  if d.src then
    local attributes = {{'alt', d.alt}, {'loading', 'lazy'}}        -- a list: their order is the same in every build
    if d.size and d.size.width then table.insert(attributes, {'width', d.size.width}) end
    body = pandoc.Plain{pandoc.Image({}, d.src, '', pandoc.Attr('', {}, attributes))}
  else body = pandoc.RawBlock('html', d.html) end
  local caption = d.caption ~= '' and pandoc.read(d.caption, 'markdown').blocks or {}
  return pandoc.Figure({body}, caption, pandoc.Attr(d.label, pandoc.List{'cell-figure'} .. (d.classes or {})))
end

-- fenced divs around a figure or table, `::: {#fig-x}`: the last paragraph is the caption
local function framed(el)
  local k = kind_of(el.identifier)
  if (k ~= 'fig' and k ~= 'tbl') or #el.content < 2 then return nil end
  local body, last = el.content, el.content[#el.content]
  if last.t ~= 'Para' then return nil end
  body:remove()
  return pandoc.Figure(body, {last}, pandoc.Attr(el.identifier, el.classes))
end

-- an explicit `fig-alt="..."` of an image becomes its alt text
local function image(el)
  if el.attributes['fig-alt'] then el.attributes.alt = el.attributes['fig-alt']; el.attributes['fig-alt'] = nil end
  return el
end

-- ::: equations: `$$ ... $$ {#eq-x}` becomes a block of its own, with its number
local function equation(math, id)
  local blocks = pandoc.List{pandoc.Div({pandoc.Plain{math}}, pandoc.Attr('', {'equation-body'}, {{'tabindex', '0'}}))}
  if id then blocks:insert(pandoc.Plain{pandoc.Span({pandoc.Str('(' .. add(id) .. ')')}, pandoc.Attr('', {'equation-number'}))}) end
  return pandoc.Div(blocks, pandoc.Attr(id or '', {'equation'}))
end

local function equations(el)
  local res, run, found, i = pandoc.List{}, pandoc.List{}, false, 1
  local function flush()
    while #run > 0 and (run[1].t == 'Space' or run[1].t == 'SoftBreak') do run:remove(1) end
    if #run > 0 then res:insert(el.t == 'Plain' and pandoc.Plain(run) or pandoc.Para(run)) end
    run = pandoc.List{}
  end
  while i <= #el.content do
    local x = el.content[i]
    if x.t == 'Math' and x.mathtype == 'DisplayMath' then
      found = true
      flush()
      local j = i + 1
      while el.content[j] and (el.content[j].t == 'Space' or el.content[j].t == 'SoftBreak') do j = j + 1 end
      local id, rest
      if el.content[j] and el.content[j].t == 'Str' then id, rest = el.content[j].text:match('^{#(eq%-[%w_-]+)}(.*)$') end
      if id then i = j; if rest ~= '' then run:insert(pandoc.Str(rest)) end end
      res:insert(equation(x, id))
    else
      if x.t == 'Str' and x.text:match('^{#%a+%-') then problem('the label ' .. x.text .. ' does not follow an equation') end
      run:insert(x)
    end
    i = i + 1
  end
  if not found then return nil end
  flush()
  return res
end

-- ::: numbers before captions
local function numbered(caption, id)
  local text = pandoc.List{pandoc.Strong{pandoc.Str(KIND[kind_of(id)] .. '\u{a0}' .. add(id) .. (#caption > 0 and ':' or ''))}, pandoc.Space()}
  if #caption == 0 then return {pandoc.Plain(text)} end
  local first = caption[1]
  text:extend(first.content)
  caption[1] = pandoc.Plain(text)
  return caption
end

local function captioned(el)
  local k = kind_of(el.identifier)
  if el.t == 'Table' and el.identifier == '' and #el.caption.long > 0 then   -- `: caption {#tbl-x}`
    local inl = el.caption.long[1].content
    local last = inl and inl[#inl]
    local id = last and last.t == 'Str' and last.text:match('^{#(tbl%-[%w_-]+)}$')
    if id then inl:remove(); el.caption.long[1].content = inl; el.identifier = id; k = 'tbl' end
  end
  if k == 'fig' or k == 'tbl' then el.caption.long = numbered(el.caption.long, el.identifier); return el end
end

-- ::: references
local function reference(c)
  local id = c.id
  local k = kind_of(id)
  if not KIND[k] then return nil end
  if not number[id] and not title[id] then problem('unresolved reference @' .. id); return pandoc.Strong{pandoc.Str('?' .. id)} end
  local text
  if k == 'sec' then text = title[id]
  elseif c.mode == 'SuppressAuthor' then text = {pandoc.Str(tostring(number[id]))}
  elseif #c.prefix > 0 then text = c.prefix:clone(); text:insert(pandoc.Str('\u{a0}' .. number[id]))
  else text = {pandoc.Str(KIND[k] .. '\u{a0}' .. number[id])} end
  return pandoc.Link(text, '#' .. id, '', pandoc.Attr('', {'ref'}))
end

local function cite(el)
  local res = pandoc.List{}
  for i, c in ipairs(el.citations) do
    local r = reference(c)
    if not r then
      if i > 1 then problem('citations and references are mixed near @' .. c.id) end
      return nil
    end
    if i > 1 then res:extend{pandoc.Str(','), pandoc.Space()} end
    res:insert(r)
    if c.suffix and #c.suffix > 0 then res:extend(c.suffix) end
  end
  return res
end

-- the list of references stands under a heading of the same level as the page's others
local function references(doc)
  local cited, placed = false, false
  doc:walk{Cite=function() cited = true end, Div=function(el) placed = placed or el.identifier == 'refs' end}
  if cited and not placed then
    doc.blocks:extend{pandoc.Header(2, 'References', pandoc.Attr('references')), pandoc.Div({}, pandoc.Attr('refs'))}
    return doc
  end
end

-- ::: callouts and folded code
local function details(class, summary, body, open)
  local res = pandoc.List{pandoc.RawBlock('html', '<details class="' .. class .. '"' .. (open and ' open' or '') .. '><summary>'),
    pandoc.Plain(summary), pandoc.RawBlock('html', '</summary>')}
  res:extend(body)
  res:insert(pandoc.RawBlock('html', '</details>'))
  return res
end

local function boxes(el)
  if el.classes:includes('code-fold') then
    return details('code-fold', {pandoc.Str(el.attributes.summary)}, el.content, el.attributes.open == 'true')
  end
  local kind
  for _, c in ipairs(el.classes) do kind = c:match('^callout%-(%a+)$') or kind end
  if not kind then return nil end
  local head, body = pandoc.List{pandoc.Str(kind:sub(1,1):upper() .. kind:sub(2))}, el.content
  if body[1] and body[1].t == 'Header' then head = body[1].content; body:remove(1) end
  if el.attributes.title then head = pandoc.read(el.attributes.title, 'markdown').blocks[1].content end
  local class = 'callout callout-' .. kind
  if el.attributes.collapse then return details(class, head, body, el.attributes.collapse == 'false') end
  local res = pandoc.List{pandoc.Div({pandoc.Plain(head)}, pandoc.Attr('', {'callout-title'}))}
  res:extend(body)
  return pandoc.Div(res, pandoc.Attr(el.identifier, {'callout', 'callout-' .. kind}))
end

local function header(el) if kind_of(el.identifier) == 'sec' then title[el.identifier] = el.content end end

-- wide tables scroll inside themselves
local function scrolled(el) return pandoc.Div({el}, pandoc.Attr('', {'table-scroll'}, {{'tabindex', '0'}})) end

return {
  {RawBlock=figure, Div=framed, Image=image},
  {Para=equations, Plain=equations, Figure=captioned, Table=captioned, Header=header},
  {Cite=cite},
  {Pandoc=references},
  {Div=boxes, Table=scrolled},
}
