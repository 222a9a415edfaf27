-- Factors: nothing of another primary's counts until somebody has accepted what it may have lost.
if seen[3] ~= epoch then
  return {'lost', epoch}
end
