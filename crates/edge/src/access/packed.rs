//! A record as memory keeps it: a quarter of what it takes unpacked. What many records share is shared; the rest lies in one
//! row of bytes, as in the files (see [`super::codec`]).

use std::collections::HashSet;
use std::sync::Arc;

use storeward_base::{RequestId, Timestamp};

use super::codec::{Damaged, Reader, label, push_number, push_numbers, push_text};
use super::record::{AccessRecord, ParameterNames, short_content_type};

/// Different user agents that are shared at a time; clients choose them, so there is an end to it.
const MOST_AGENTS: usize = 1_024;

/// One record, packed.
#[derive(Debug)]
pub(super) struct Packed {
    pub id: RequestId,
    host: Arc<str>,
    user_agent: Arc<str>,
    route: Arc<str>,
    upstream: Option<Arc<str>>,
    rest: Box<[u8]>,
}

/// Packs records, and knows the texts that come again.
#[derive(Debug, Default)]
pub(super) struct Packer {
    agents: HashSet<Arc<str>>,
    last_agent: Arc<str>,
    room: Vec<u8>,
}

impl Packer {
    pub fn pack(&mut self, record: &AccessRecord) -> Packed {
        let out = &mut self.room;
        out.clear();
        push_number(out, u64::from_le_bytes(record.at.micros().to_le_bytes()));
        push_numbers(out, record);
        push_text(out, record.method.as_str());
        push_text(out, &record.path);
        push_text(out, &record.parameter_names.0);
        push_text(out, &record.referrer_host);
        push_text(out, &record.category);
        push_text(out, &record.variable);
        push_text(out, &record.matched);
        push_text(out, &record.content_type);
        push_text(out, &record.reason);
        Packed {
            id: record.id,
            host: record.host.clone(),
            user_agent: self.agent(&record.user_agent),
            route: record.route.clone(),
            upstream: record.upstream.clone(),
            rest: self.room.as_slice().into(),
        }
    }

    fn agent(&mut self, agent: &Arc<str>) -> Arc<str> {
        if *self.last_agent != **agent {
            self.last_agent = match self.agents.get(agent) {
                Some(known) => known.clone(),
                None => {
                    if self.agents.len() >= MOST_AGENTS {
                        self.agents.clear();
                    }
                    self.agents.insert(agent.clone());
                    agent.clone()
                }
            };
        }
        self.last_agent.clone()
    }
}

impl Packed {
    /// Bytes that one takes in memory beside its row, more or less: with what the allocator and the index need.
    pub const OVERHEAD: usize = size_of::<Self>() + 128;

    /// As it was, but for what is not kept: who had it sent, and what texts hold beyond [`AccessRecord::TEXT_BYTES`].
    pub fn unpack(&self) -> AccessRecord {
        // What was packed here can be read here; should it not be, an empty record says so plainly.
        self.read().unwrap_or_else(|Damaged| {
            let nobody = std::net::IpAddr::from([0, 0, 0, 0]);
            let client = storeward_base::ClientIp::new(nobody);
            AccessRecord::new(self.id, self.id.made_at(), client, http::Method::GET)
        })
    }

    fn read(&self) -> Result<AccessRecord, Damaged> {
        let mut reader = Reader { bytes: &self.rest };
        let at = Timestamp::from_micros(i64::from_le_bytes(reader.number()?.to_le_bytes()));
        let client = reader.client()?;
        let mut record = AccessRecord::new(self.id, at, client, http::Method::GET);
        reader.numbers(&mut record)?;
        record.method = reader.text()?.parse().map_err(|_| Damaged)?;
        record.path = reader.text()?.into();
        record.parameter_names = ParameterNames(reader.text()?.into());
        record.referrer_host = reader.text()?.into();
        record.category = label(reader.text()?);
        record.variable = reader.text()?.into();
        record.matched = reader.text()?.into();
        record.content_type = short_content_type(reader.text()?);
        record.reason = label(reader.text()?);
        record.host = self.host.clone();
        record.user_agent = self.user_agent.clone();
        record.route = self.route.clone();
        record.upstream = self.upstream.clone();
        Ok(record)
    }

    pub fn weight(&self) -> usize {
        Self::OVERHEAD + self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Protocol, TlsVersion, Verdict};

    fn record(id: u128, client: &str) -> AccessRecord {
        let at = Timestamp::from_micros(1_790_000_000_123_456);
        AccessRecord::new(RequestId::from_bits(id), at, client.parse().unwrap(), http::Method::POST)
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let mut full = record(7, "2001:db8::1");
        full.duration_us = 1_234_567;
        full.upstream_us = Some(0);
        full.host = "shop.example".into();
        full.path = "/a/\u{e4}".into();
        full.parameter_names = ParameterNames::new(["q", "page"]);
        full.status = 599;
        full.request_bytes = u64::MAX;
        full.response_bytes = 300;
        full.protocol = Protocol::Http2;
        full.tls = Some(TlsVersion::Tls13);
        full.set_user_agent(b"browser/1.0");
        full.referrer_host = "elsewhere.example".into();
        full.route = "all".into();
        full.upstream = Some("http://shop".into());
        full.verdict = Verdict::Blocked;
        full.rule_id = 27_110;
        full.category = "sqli".into();
        full.variable = "ARGS:q".into();
        full.matched = "' or 9=9".into();
        full.content_type = "text/html".into();
        full.reason = "route.closed".into();
        full.auth_failed = true;
        let mut before_1970 = record(8, "192.0.2.1");
        before_1970.at = Timestamp::from_micros(-5);
        let mut packer = Packer::default();
        for one in [full, record(0, "192.0.2.1"), before_1970] {
            assert_eq!(packer.pack(&one).unpack(), one);
        }
    }

    #[test]
    fn user_agents_are_shared_and_no_number_of_them_fills_the_memory() {
        let mut packer = Packer::default();
        let mut of = |agent: &str| {
            let mut one = record(1, "192.0.2.1");
            one.set_user_agent(agent.as_bytes());
            packer.pack(&one)
        };
        let (one, _, same) = (of("a"), of("b"), of("a"));
        assert!(Arc::ptr_eq(&one.user_agent, &same.user_agent));
        for n in 0..3 * MOST_AGENTS {
            assert_eq!(&*of(&n.to_string()).user_agent, n.to_string());
        }
        assert!(packer.agents.len() <= MOST_AGENTS);
    }

    #[test]
    fn a_usual_record_is_small() {
        let mut one = record(1, "192.0.2.1");
        one.path = "/product/womens-shoes-38".into();
        one.content_type = "text/html".into();
        let packed = Packer::default().pack(&one);
        assert!(packed.rest.len() <= 96, "{}", packed.rest.len());
        assert!(size_of::<Packed>() <= 96, "{}", size_of::<Packed>());
    }
}
