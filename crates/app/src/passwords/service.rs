//! Asking a service for breached passwords, by the first five digits of their SHA-1.

use std::pin::Pin;

use storeward_base::{Actor, Secret};
use storeward_events::system::{BreachServiceAnswers, BreachServiceSilent};
use storeward_outbound::{AllowList, Client, Limits, Options, OutboundError, Request};
use storeward_passwords::breach::range::{HEADERS, MOST_BYTES, RangeCheck, Seen, TIME_OUT};
use storeward_passwords::breach::{self, Fetch};
use storeward_store::Db;

/// The service at an address such as `https://api.pwnedpasswords.com`.
pub struct Service {
    base: String,
    client: Client,
    checks: RangeCheck,
}

/// The same for the running program, which writes down when it falls silent and when it answers again.
pub struct Told {
    pub service: Service,
    pub db: Db,
}

impl Fetch for Told {
    fn fetch(&self, path: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move { self.service.fetch(&path).await.ok() })
    }

    fn changed(&self, service: breach::Service) {
        let db = self.db.clone();
        tokio::spawn(async move {
            let written = db.write(move |tx| match service {
                breach::Service::Silent => tx.append(Actor::System, None, BreachServiceSilent {}).map(drop),
                breach::Service::Answers => tx.append(Actor::System, None, BreachServiceAnswers {}).map(drop),
            });
            if let Err(error) = written.await {
                let reason = error.to_string();
                crate::run::log(
                    "error",
                    "the ledger did not take a change of the breach service",
                    &[("reason", &reason)],
                );
            }
        });
    }
}

impl Service {
    /// Only this address is called, also one inside, since whoever runs the program named it.
    pub fn at(url: &str) -> Result<Self, OutboundError> {
        let base = url.trim_end_matches('/').to_owned();
        let client = Client::new(AllowList::new().internal(&base)?, Options::default())?;
        Ok(Service { base, client, checks: RangeCheck::default() })
    }

    pub async fn ask(&self, password: &Secret<String>) -> Seen {
        self.checks.ask(password, async |path: String| self.fetch(&path).await).await
    }

    async fn fetch(&self, path: &str) -> Result<Vec<u8>, OutboundError> {
        let limits = Limits { connect: TIME_OUT, head: TIME_OUT, body: TIME_OUT, body_bytes: MOST_BYTES };
        let mut request = Request::get(&format!("{}{path}", self.base))?.limits(limits);
        for (name, value) in HEADERS {
            request = request.header(name, value)?;
        }
        let reply = self.client.send(request).await?;
        // Anything but a 200 is no answer, and an empty body has not the form of one.
        Ok(if reply.status == http::StatusCode::OK { reply.body.to_vec() } else { b"no answer".to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use storeward_outbound::recorder::{Answer, Recorder};
    use storeward_passwords::breach::range::RangeStats;
    use storeward_passwords::breach::{Breaches, Ranges, Stolen};
    use storeward_store::ledger;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// Through a real socket, with the lines that the real service sends: suffixes in order, CR LF, padding with count 0.
    #[tokio::test]
    async fn the_protocol_is_spoken() {
        let stand_in = Recorder::start().unwrap();
        // SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let lines = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\n\
                     1E4C9B93F3F0682250B6CF8331B7EE68FD8:9659365\r\n";
        stand_in.answer_at("/range/5BAA6", Answer::new(200, lines));
        stand_in.answer_otherwise(Answer::new(200, "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"));
        let service = Service::at(&stand_in.url()).unwrap();
        assert_eq!(service.ask(&secret("password")).await, Seen::Times(9_659_365));
        assert_eq!(service.ask(&secret("lamp post umbrella tea")).await, Seen::Never);
        let requests = stand_in.requests();
        assert_eq!(
            (requests[0].target.as_str(), requests[0].header("add-padding")),
            ("/range/5BAA6", Some("true"))
        );
        for request in &requests {
            assert_eq!(
                request.target.len(),
                "/range/".len() + 5,
                "no more than five digits: {}",
                request.target
            );
            assert!(request.body.is_empty());
        }
    }

    // What the running program makes of it: passwords are found, and that the service went and came back is in the ledger.
    storeward_store::both_engines!(the_ledger_hears_when_it_falls_silent, &[], async |store| {
        let stand_in = Recorder::start().unwrap();
        let told = Told { service: Service::at(&stand_in.url()).unwrap(), db: store.clone() };
        let breaches = Breaches::new(None, Some(std::sync::Arc::new(Ranges::new(told))));
        stand_in.answer_at("/range/5BAA6", Answer::new(200, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:9\r\n"));
        assert_eq!(breaches.look_up(&secret("password")).await, Stolen::Yes);
        for n in 0..3 {
            stand_in.answer_next(Answer::new(503, ""));
            assert_eq!(breaches.look_up(&secret(&format!("{n} grey herons"))).await, Stolen::NotKnown);
        }
        let kinds = async || {
            let (filter, page) = (ledger::Filter::default(), storeward_base::PageSize::new(50));
            let found = store.read(move |reader| ledger::search(reader, &filter, page)).await.unwrap();
            found.rows.into_iter().map(|(_, record)| record.event.kind()).collect::<Vec<_>>()
        };
        while kinds().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(kinds().await, ["system.breach_service_silent"]);
        assert_eq!(stand_in.requests().len(), 4);
        // It is left alone meanwhile; what it said before is still known.
        assert_eq!(breaches.look_up(&secret("one more heron")).await, Stolen::NotKnown);
        assert_eq!(breaches.look_up(&secret("password")).await, Stolen::Yes);
        assert_eq!(stand_in.requests().len(), 4);
    });

    #[tokio::test]
    async fn a_service_in_trouble_keeps_nobody_out() {
        let stand_in = Recorder::start().unwrap();
        let service = Service::at(&stand_in.url()).unwrap();
        let endless = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n".repeat(10_000);
        for answer in [
            Answer::new(429, ""),
            Answer::new(503, "Service Unavailable"),
            Answer::new(200, "<html>sign in to the Wi-Fi</html>"),
            Answer::new(200, endless),
            Answer::new(302, "").header("location", "http://192.0.2.1/"),
            Answer::new(200, "").after(Duration::from_secs(5)),
        ] {
            stand_in.answer_next(answer);
            assert_eq!(service.ask(&secret("password")).await, Seen::Unknown);
        }
        let gone = Service::at(&stand_in.url()).unwrap();
        drop(stand_in);
        assert_eq!(gone.ask(&secret("password")).await, Seen::Unknown);
        assert_eq!(service.checks.stats(), RangeStats { seen: 0, never: 0, unknown: 6 });
    }
}
