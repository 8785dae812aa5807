--[[ The conversations of a user's lists and totals.
  KEYS  user, lists
  ARGV  none
  returns ids "1 2 …"
]]
--@include lists
return idsOf(KEYS[1], KEYS[2], 'c')
