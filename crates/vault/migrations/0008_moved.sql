-- Whose record has an item that a shop's file named: by it an order that the shop gives to somebody else leaves the record that had it. Items
-- of other names are not in it, so what programs write costs no more.
CREATE INDEX vault_field_marked ON vault_field (item) WHERE SUBSTR(item, 1, 3) = 'of-';
