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
