-- What TeX does and MathML leaves to the page: a thin space between the name of a function and its argument, unless that
-- begins with a bracket. For Quarto and for make site alike.
local NAMES = {'\\log', '\\exp', '\\sin', '\\cos', '\\tanh', '\\det', '\\max', '\\min', '\\ln', '\\operatorname%b{}'}
local BRACKETS = {'^\\[bB]ig', '^\\left$', '^\\right$', '^\\lbrace$', '^\\l[vV]ert$', '^\\langle$', '^\\lfloor$'}

local function opens(what)
  for _, pattern in ipairs(BRACKETS) do if what:match(pattern) then return true end end
end

function Math(el)
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
