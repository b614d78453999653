-- Where members of staff have signed in from: what is not here is new, and they are written to.
CREATE TABLE staff_seen (
  staff TEXT NOT NULL REFERENCES staff_account (id),
  -- Such as "Firefox · Linux".
  label TEXT NOT NULL,
  -- An IPv4 /24 or an IPv6 /48.
  network TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (staff, label, network)
);

-- Letters of which a member gets one a day at most.
CREATE TABLE staff_told (
  staff TEXT NOT NULL REFERENCES staff_account (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (staff, kind)
);
