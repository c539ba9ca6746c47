-- What TeX does and MathML leaves to the page: a thin space between the name of a function and its argument, unless that
-- begins with a bracket. For Quarto and for make site alike.
local NAMES = {'\\log', '\\exp', '\\sin', '\\cos', '\\tanh', '\\det', '\\max', '\\min', '\\ln', '\\operatorname%b{}'}
local BRACKETS = {'^\\[bB]ig', '^\\left$', '^\\right$', '^\\lbrace$', '^\\l[vV]ert$', '^\\langle$', '^\\lfloor$'}

local function opens(what)
  for _, pattern in ipairs(BRACKETS) do if what:match(pattern) then return true end end
end

-- pandoc forgets the size of a closing `\Big)` that bears an exponent: such a pair becomes \left( \right)
local PAIRS = {['(']=')', ['[']=']', ['|']='|'}

local function last(text, what)
  local found, at = nil, 0
  repeat found, at = at, text:find(what, at + 1, true) until not at
  return found > 0 and found or nil
end

local function powers(tex)
  for _, size in ipairs{'\\big', '\\Big', '\\bigg', '\\Bigg'} do
    for open, close in pairs(PAIRS) do
      local from = 1
      while true do
        local i = tex:find(size .. close .. '^', from, true)
        if not i then break end
        local inside = tex:sub(1, i - 1)
        local o = last(inside, size .. open)
        from = i + 1
        if o and not inside:find('[&]', o) then
          local width = #size + 1
          tex = tex:sub(1, o - 1) .. '\\left' .. open .. tex:sub(o + width, i - 1) .. '\\right' .. close .. tex:sub(i + width)
        end
      end
    end
  end
  return tex
end

function Math(el)
  el.text = powers(el.text)
  for _, name in ipairs(NAMES) do
    el.text = el.text:gsub('(' .. name .. ')(%s*)(\\?%w+)', function(f, space, what)
      if opens(what) or (space == '' and what:match('^%a') and not f:match('}$')) then return nil end
      return f .. '\\,' .. what
    end)
  end
  if el.mathtype == 'InlineMath' and #el.text > 44 then     -- may be wider than a phone: it scrolls inside itself
    return pandoc.Span({el}, pandoc.Attr('', {'long-math'}))
  end
  return el
end

-- A displayed formula scrolls inside a box of its own. make site makes one of each, Quarto only of those with a number.
function Inlines(inlines)
  if not quarto then return nil end
  for i, el in ipairs(inlines) do
    local after = inlines[i+1]
    if after and (after.t == 'Space' or after.t == 'SoftBreak') then after = inlines[i+2] end
    local numbered = after and after.t == 'Str' and after.text:match('^{#eq%-')
    if el.t == 'Math' and el.mathtype == 'DisplayMath' and not numbered then
      inlines[i] = pandoc.Span({el}, pandoc.Attr('', {'math', 'display'}))
    end
  end
  return inlines
end
