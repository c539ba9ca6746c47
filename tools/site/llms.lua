-- After site.lua: what a page says without its markup, for a Markdown copy. Equations keep their TeX and take their number into
-- it, a figure is its caption and alt text, stored outputs are text; scripts, pictures and what only a browser can show go.
local function text_of(blocks) return pandoc.utils.blocks_to_inlines(blocks, {pandoc.Space()}) end

-- what is left of HTML that a cell has shown: its text and tables
local function html(el)
  if el.format ~= 'html' then return {} end
  if el.text:match('^</?details') or el.text:match('^</summary') then return nil end    -- `boxes` below wants to see it
  local doc = pandoc.read(el.text, 'html'):walk{Image=function() return {} end}
  return pandoc.write(doc, 'plain'):match('%S') and doc.blocks or {}
end

local function image(el)
  local alt = el.attributes.alt or pandoc.utils.stringify(el.caption)
  return alt == '' and {} or {pandoc.Emph{pandoc.Str('Picture: ' .. alt)}}
end

local function figure(el)
  local res = pandoc.List{}
  if #el.caption.long > 0 then res:insert(pandoc.Para(text_of(el.caption.long))) end
  el.content:walk{Image=function(i) res:insert(pandoc.Para(image(i))) end}
  local rest = el.content:walk{Image=function() return {} end}
  for _, b in ipairs(rest) do if pandoc.utils.stringify(b) ~= '' then res:insert(b) end end
  return res
end

-- an equation's number becomes a \tag of its TeX
local function div(el)
  if el.classes:includes('equation') then
    local tex
    el:walk{Math=function(m) tex = m.text:match('^%s*(.-)%s*$') end}
    local number = pandoc.utils.stringify(el.content[#el.content]):match('^%((%d+)%)$')
    return pandoc.Para{pandoc.Math('DisplayMath', tex .. (number and ' \\tag{' .. number .. '}' or ''))}
  end
  return el.content
end

-- the line that opens a folded part stands in bold
local function boxes(blocks)
  local res = pandoc.List{}
  for i, b in ipairs(blocks) do
    local before = blocks[i-1]
    if b.t == 'RawBlock' then      -- dropped: all that is left of <details>
    elseif before and before.t == 'RawBlock' and before.text:match('^<details') and b.t == 'Plain' then
      res:insert(pandoc.Para{pandoc.Strong(b.content)})
    else res:insert(b) end
  end
  return res
end

-- a place of this page needs no link
local function link(el) return el.target:match('^#') and el.content or pandoc.Link(el.content, el.target) end

local function code(el)
  el.classes = el.classes:includes('python') and {'python'} or {}
  el.attr = pandoc.Attr('', el.classes)
  return el
end

return {
  {RawBlock=html},
  {Figure=figure},
  {Image=image},
  {Div=div, Span=function(el) return el.content end, Link=link, CodeBlock=code, Code=function(el) return pandoc.Code(el.text) end,
    Header=function(el) return pandoc.Header(el.level, el.content) end},
  {Blocks=boxes},
}
