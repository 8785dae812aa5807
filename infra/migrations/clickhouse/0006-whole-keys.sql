-- Keeps the second column of the key in memory too: without it a page of a long conversation reads every part that has something of the conversation.
ALTER TABLE tributary.messages MODIFY SETTING primary_key_ratio_of_unique_prefix_values_to_skip_suffix_columns = 1;
ALTER TABLE tributary.inbox MODIFY SETTING primary_key_ratio_of_unique_prefix_values_to_skip_suffix_columns = 1;
