//! Lessons: marking the answers, and remembering how far somebody is.

use storeward_base::{Actor, CustomerId};
use storeward_events::guide::LessonFinished;
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::guide::Guide;
use crate::model::{Act, Lesson};
use crate::sql;
use crate::sql::lesson::Finished;

/// What somebody answered, in the order of the questions; `None` where nothing.
pub type Given = Vec<Option<&'static str>>;

/// How many are right.
pub fn right(lesson: Lesson, given: &[Option<&'static str>]) -> u32 {
    let pairs = lesson.right().iter().zip(given);
    let count = pairs.filter(|(right, given)| Some(**right) == **given).count();
    u32::try_from(count).unwrap_or(0)
}

impl Guide {
    pub async fn lessons_of(&self, customer: CustomerId) -> Result<Vec<Finished>, Error> {
        Ok(self.0.db.read(move |reader: &mut Reader<'_>| sql::lesson::of_customer(reader, customer)).await?)
    }

    /// Remembers that somebody went through a lesson's questions. The newest time counts.
    pub async fn finish_lesson(
        &self,
        customer: CustomerId,
        lesson: Lesson,
        given: &[Option<&'static str>],
    ) -> Result<u32, Error> {
        let (right, questions, at) = (right(lesson, given), lesson.questions(), self.0.now());
        let done = Finished { lesson, at, right, questions };
        let follow = self.0.policy().follow();
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            sql::lesson::finish(tx, customer, &done)?;
            let fact = LessonFinished { customer, lesson: lesson.word().to_owned(), right, questions };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            super::follow::note(tx, customer, Act::LessonFinished, at, follow)?;
            Ok(())
        });
        written.await?;
        Ok(right)
    }
}
