-- What a client may ask for, with blanks between, and how an answer reaches it: query, form_post or either. Clients from before
-- keep what they had.
ALTER TABLE oidc_client ADD COLUMN scopes TEXT NOT NULL DEFAULT 'openid profile email offline_access';
ALTER TABLE oidc_client ADD COLUMN answers TEXT NOT NULL DEFAULT 'either';
