-- An entry that was kept long enough is emptied: `body` has no byte, `actor` no sign, `request` nothing. The rest stays,
-- above all `tree`, so that the tree is still proven. Any other change, and any deletion, is refused as before. That an entry
-- may be empty is for the ledger itself to say (system.entries_forgotten), which the verification checks.
{{forget_only ledger_entry}}
