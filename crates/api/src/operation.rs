//! An operation: how it is called, what it needs, what it takes and gives, and what does it. The service and the document are
//! made from the same list of these.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};
use storeward_web::http::Method;

use crate::call::{Answer, Barred, Call};
use crate::key::Act;
use crate::problem::Problem;
use crate::shape::{Book, Shape};

/// Where the interface begins.
pub const PREFIX: &str = "/api/v1";

pub(crate) type Work =
    Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync>;
/// What becomes of an answer that is given again.
pub(crate) type Again =
    Arc<dyn Fn(Answer) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync>;
/// What puts on record whose data a refused call was about.
pub(crate) type Refused =
    Arc<dyn Fn(Call, Barred) -> Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>> + Send + Sync>;
type Schema = fn(&mut Book) -> Value;

/// What happens to a request that is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing is changed by it, or the same twice.
    Harmless,
    /// It may carry an `Idempotency-Key`; then it is done once.
    ByKey,
}

pub(crate) struct Parameter {
    pub name: &'static str,
    pub says: &'static str,
    pub schema: Value,
}

pub(crate) struct Given {
    pub status: u16,
    pub says: &'static str,
    pub content_type: &'static str,
    pub schema: Option<Schema>,
}

/// One operation.
pub struct Operation {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) says: &'static str,
    pub(crate) tag: &'static str,
    /// Answered without a key: it tells nothing that is not in the handbook.
    pub(crate) is_public: bool,
    /// What the key must be for; nothing: any key.
    pub(crate) act: Option<Act>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) path_schemas: Vec<Parameter>,
    pub(crate) takes: Option<Schema>,
    pub(crate) example: Option<Value>,
    pub(crate) gives: Vec<Given>,
    pub(crate) problems: Vec<(u16, &'static str)>,
    pub(crate) repeat: Repeat,
    pub(crate) is_conditional: bool,
    pub(crate) work: Work,
    pub(crate) again: Again,
    pub(crate) refused: Refused,
}

impl Operation {
    fn new(method: Method, id: &'static str, path: &'static str, summary: &'static str) -> Self {
        Operation {
            id,
            method,
            path,
            summary,
            says: "",
            tag: "customers",
            is_public: false,
            act: None,
            query: Vec::new(),
            path_schemas: Vec::new(),
            takes: None,
            example: None,
            gives: Vec::new(),
            problems: Vec::new(),
            repeat: Repeat::Harmless,
            is_conditional: false,
            work: Arc::new(|_| {
                Box::pin(async { Err(Problem::missing("api.no_such_address", "There is nothing here.")) })
            }),
            again: Arc::new(|answer| Box::pin(async { Ok(answer) })),
            refused: Arc::new(|_, _| Box::pin(async { Ok(()) })),
        }
    }

    /// Changes nothing, and opens nothing. `path` stands behind [`PREFIX`].
    pub fn get(id: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, id, path, summary)
    }

    pub fn post(id: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, id, path, summary)
    }

    pub fn put(id: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PUT, id, path, summary)
    }

    #[must_use]
    pub fn says(mut self, says: &'static str) -> Self {
        self.says = says;
        self
    }

    #[must_use]
    pub fn about(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    #[must_use]
    pub(crate) fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    #[must_use]
    pub fn needs(mut self, act: Act) -> Self {
        self.act = Some(act);
        self
    }

    #[must_use]
    pub fn query(mut self, name: &'static str, says: &'static str, schema: Value) -> Self {
        self.query.push(Parameter { name, says, schema });
        self
    }

    /// What a part of the path is.
    #[must_use]
    pub fn part(mut self, name: &'static str, says: &'static str, schema: Value) -> Self {
        self.path_schemas.push(Parameter { name, says, schema });
        self
    }

    /// A list in pages: `limit` and `after`.
    #[must_use]
    pub fn paged(self) -> Self {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 50 });
        let after = json!({ "type": "string", "maxLength": 400 });
        self.query("limit", "How many entries a page has at most.", limit).query(
            "after",
            "`next` of the page before.",
            after,
        )
    }

    #[must_use]
    pub fn takes<T: Shape>(mut self, example: Value) -> Self {
        self.takes = Some(T::schema);
        self.example = Some(example);
        self
    }

    #[must_use]
    pub fn gives<T: Shape>(mut self, status: u16, says: &'static str) -> Self {
        let (content_type, schema) = ("application/json", Some(T::schema as Schema));
        self.gives.push(Given { status, says, content_type, schema });
        self
    }

    /// A text of this type, beside or instead of JSON.
    #[must_use]
    pub fn gives_text(mut self, status: u16, content_type: &'static str, says: &'static str) -> Self {
        self.gives.push(Given { status, says, content_type, schema: None });
        self
    }

    /// A problem that is this operation's own; those that every operation has stand in the document by themselves.
    #[must_use]
    pub fn fails(mut self, status: u16, says: &'static str) -> Self {
        self.problems.push((status, says));
        self
    }

    #[must_use]
    pub fn repeats(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Takes `If-Match`.
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.is_conditional = true;
        self
    }

    #[must_use]
    pub fn does<F>(mut self, work: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        self.work = Arc::new(move |call| Box::pin(work(call)));
        self
    }

    /// Puts on record whose data a call was about that the key's acts or purposes refuse.
    #[must_use]
    pub fn refused<F>(mut self, tell: impl Fn(Call, Barred) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        self.refused = Arc::new(move |call, by| Box::pin(tell(call, by)));
        self
    }

    /// What a good answer is by now, where the request is sent again under its name: whom it names may be gone since.
    #[must_use]
    pub fn again<F>(mut self, look: impl Fn(Answer) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        self.again = Arc::new(move |answer| Box::pin(look(answer)));
        self
    }
}

crate::message! {
    /// The key that the call was made with.
    answer OwnKey {
        /// Its id: the actor in the ledger.
        id: String,
        /// What whoever made it calls it.
        name: String,
        /// What it may do.
        acts: Vec<String>,
        /// The roles in which the policy sees it.
        roles: Vec<String>,
        /// What it may open data for.
        purposes: Vec<String>,
        /// When it expires (RFC 3339).
        expires_at: Option<String>,
    }
}

/// What the interface answers about itself.
pub fn own_operations() -> Vec<Operation> {
    vec![
        Operation::get("getKey", "/key", "What the key may do")
            .about("key")
            .says("A call that changes and opens nothing: good to try a key.")
            .gives::<OwnKey>(200, "The key.")
            .does(|call| async move {
                let key = call.caller.key;
                let expires_at = key.expires_at.map(storeward_base::Timestamp::rfc3339);
                let own = OwnKey {
                    id: key.id.to_string(),
                    name: key.name,
                    acts: key.acts.iter().map(|act| act.name().to_owned()).collect(),
                    roles: key.roles,
                    purposes: key.purposes.iter().map(|purpose| purpose.name().to_owned()).collect(),
                    expires_at,
                };
                Ok(Answer::of(200, &own))
            }),
    ]
}
