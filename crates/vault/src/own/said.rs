//! What a customer said about purposes and what they asked for, as lines of their page.

use storeward_base::Language;
use storeward_policy::Purpose;
use storeward_web::{Local, Woven};

use super::texts::{Text, WORDS, of_purpose, of_right};
use crate::pleas::{Plea, PleaOutcome};
use crate::said::{SaidOnce, Word, weighed};

/// Whether an agreement to marketing stands, and whether it is objected to.
pub fn stands(said: &[SaidOnce]) -> (bool, bool) {
    weighed(said.iter().filter(|one| one.purpose == Purpose::Marketing.name()))
}

pub fn lines(said: &[SaidOnce], language: Language) -> Vec<Woven> {
    let place = Woven::PLACE.to_string();
    said.iter()
        .map(|one| {
            let key = match one.word {
                Word::Agree => Text::SaidAgree,
                Word::Withdraw => Text::SaidWithdraw,
                Word::Object => Text::SaidObject,
            };
            let purpose = Purpose::of_name(&one.purpose).map_or_else(
                || one.purpose.clone(),
                |purpose| WORDS.text(language, of_purpose(purpose), &[]),
            );
            let line = WORDS.text(language, key, &[("when", &place), ("purpose", &purpose)]);
            Woven::new(&line, Local::minute(one.at, language))
        })
        .collect()
}

pub fn pleas(pleas: &[Plea], language: Language) -> Vec<Woven> {
    let place = Woven::PLACE.to_string();
    pleas
        .iter()
        .map(|one| {
            let (key, at) = match (one.outcome, one.closed_at) {
                (Some(PleaOutcome::Refused), Some(at)) => (Text::PleaRefused, at),
                (_, Some(at)) => (Text::PleaAnswered, at),
                (_, None) => (Text::PleaWaiting, one.due_at),
            };
            let right = WORDS.text(language, of_right(one.right), &[]);
            let line = WORDS.text(language, key, &[("right", &right), ("when", &place)]);
            Woven::new(&line, Local::minute(at, language))
        })
        .collect()
}
