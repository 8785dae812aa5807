-- Parts are merged ten at a time rather than five: a row is written again three or four times in its life, not a dozen, for a few more parts to look into.
ALTER TABLE tributary.messages MODIFY SETTING merge_selector_base = 10;
ALTER TABLE tributary.inbox MODIFY SETTING merge_selector_base = 10;
