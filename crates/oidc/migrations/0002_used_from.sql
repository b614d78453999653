-- The keyed mark of the network that a refresh token was used from: only from there may its request be sent again.
ALTER TABLE oidc_refresh_token ADD COLUMN used_from TEXT;
