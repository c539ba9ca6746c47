-- Quarto writes an equation's number into the formula, where it leaves the page with it on a narrow screen. Here it comes out
-- again, into a column of its own, as on make site's pages.
function Span(el)
  local math = el.identifier:match('^eq%-') and el.content[1]
  if not math or math.t ~= 'Math' then return nil end
  local tex, number = math.text:match('^(.*) \\qquad(%(%d+%))$')
  if not tex then return nil end
  math.text = tex
  el.classes:insert('equation')
  el.content = {pandoc.Span({math}, pandoc.Attr('', {'equation-body'})), pandoc.Span({pandoc.Str(number)}, pandoc.Attr('', {'equation-number'}))}
  return el
end
