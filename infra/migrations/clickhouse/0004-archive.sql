ALTER TABLE tributary.messages MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.inbox MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.conversations MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.members MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.relations MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.sessions MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE tributary.messages MODIFY COLUMN body CODEC(Default), MODIFY COLUMN text CODEC(Default), MODIFY COLUMN extra CODEC(Default);
