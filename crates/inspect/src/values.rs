//! The named values of one transaction, in one buffer, in the order of arrival.

use std::ops::Range;

/// Where values come from; the names are SecLang's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collection {
    ArgsGet,
    ArgsPost,
    ArgsGetNames,
    ArgsPostNames,
    RequestHeaders,
    RequestHeadersNames,
    RequestCookies,
    RequestCookiesNames,
    RequestMethod,
    RequestProtocol,
    RequestFilename,
    RequestUriRaw,
    /// A body of no known structure.
    RequestBody,
    Files,
    FilesContent,
    MultipartPartHeaders,
    Xml,
    XmlAttributes,
    /// The XML document as text, for declarations.
    XmlDocument,
    /// What decoding found wrong: one value per [`Fact`], named by it.
    Facts,
    ResponseStatus,
    ResponseHeaders,
    ResponseBody,
}

impl Collection {
    /// Whether it came before the request's body: in the address, a cookie or another line.
    pub fn is_of_head(self) -> bool {
        matches!(
            self,
            Collection::ArgsGet
                | Collection::ArgsGetNames
                | Collection::RequestHeaders
                | Collection::RequestHeadersNames
                | Collection::RequestCookies
                | Collection::RequestCookiesNames
                | Collection::RequestMethod
                | Collection::RequestProtocol
                | Collection::RequestFilename
                | Collection::RequestUriRaw
        )
    }

    pub(crate) const COUNT: usize = 23;

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The name that staff read and exceptions use; both kinds of arguments are ARGS.
    pub fn as_str(self) -> &'static str {
        match self {
            Collection::ArgsGet | Collection::ArgsPost => "ARGS",
            Collection::ArgsGetNames | Collection::ArgsPostNames => "ARGS_NAMES",
            Collection::RequestHeaders => "REQUEST_HEADERS",
            Collection::RequestHeadersNames => "REQUEST_HEADERS_NAMES",
            Collection::RequestCookies => "REQUEST_COOKIES",
            Collection::RequestCookiesNames => "REQUEST_COOKIES_NAMES",
            Collection::RequestMethod => "REQUEST_METHOD",
            Collection::RequestProtocol => "REQUEST_PROTOCOL",
            Collection::RequestFilename => "REQUEST_FILENAME",
            Collection::RequestUriRaw => "REQUEST_URI_RAW",
            Collection::RequestBody => "REQUEST_BODY",
            Collection::Files => "FILES",
            Collection::FilesContent => "FILES_CONTENT",
            Collection::MultipartPartHeaders => "MULTIPART_PART_HEADERS",
            Collection::Xml => "XML",
            Collection::XmlAttributes => "XML_ATTRIBUTES",
            Collection::XmlDocument => "XML_DOCUMENT",
            Collection::Facts => "FACTS",
            Collection::ResponseStatus => "RESPONSE_STATUS",
            Collection::ResponseHeaders => "RESPONSE_HEADERS",
            Collection::ResponseBody => "RESPONSE_BODY",
        }
    }
}

/// What decoding found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    BadUrlEncoding,
    BadJson,
    BadMultipart,
    BadBoundary,
    TooDeep,
    TooManyArguments,
    Truncated,
    EncodedBody,
    OddCharset,
    BadContentType,
    RepeatedContentType,
}

impl Fact {
    pub fn as_str(self) -> &'static str {
        match self {
            Fact::BadUrlEncoding => "bad_url_encoding",
            Fact::BadJson => "bad_json",
            Fact::BadMultipart => "bad_multipart",
            Fact::BadBoundary => "bad_boundary",
            Fact::TooDeep => "too_deep",
            Fact::TooManyArguments => "too_many_arguments",
            Fact::Truncated => "truncated",
            Fact::EncodedBody => "encoded_body",
            Fact::OddCharset => "odd_charset",
            Fact::BadContentType => "bad_content_type",
            Fact::RepeatedContentType => "repeated_content_type",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Value {
    pub collection: Collection,
    /// Whether the name says that a password stands here.
    pub secret: bool,
    /// Whether it is a piece of a longer one that was cut at its end.
    pub goes_on: bool,
    name: Range<usize>,
    bytes: Range<usize>,
}

/// A value as rules look at it.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub collection: Collection,
    pub secret: bool,
    pub goes_on: bool,
    pub name: &'v [u8],
    pub bytes: &'v [u8],
}

/// At most this many values are kept apart; PHP stops at 1,000 arguments.
const MAX_VALUES: usize = 4_000;
/// Beyond this, names are cut.
const MAX_NAME: usize = 1_024;

#[derive(Clone, Default)]
pub(crate) struct Values {
    buffer: Vec<u8>,
    list: Vec<Value>,
    facts: Vec<Fact>,
}

impl Values {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// No more values are to be split off: whoever splits keeps the rest as one.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MAX_VALUES
    }

    pub fn get(&self, index: usize) -> Option<&Value> {
        self.list.get(index)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.list.iter()
    }

    pub fn last(&self) -> Option<&Value> {
        self.list.last()
    }

    pub fn view<'v>(&'v self, value: &Value) -> View<'v> {
        View {
            collection: value.collection,
            secret: value.secret,
            goes_on: value.goes_on,
            name: self.name(value),
            bytes: self.bytes(value),
        }
    }

    pub fn name<'v>(&'v self, value: &Value) -> &'v [u8] {
        self.buffer.get(value.name.clone()).unwrap_or_default()
    }

    pub fn bytes<'v>(&'v self, value: &Value) -> &'v [u8] {
        self.buffer.get(value.bytes.clone()).unwrap_or_default()
    }

    pub fn push(&mut self, collection: Collection, name: &[u8], bytes: &[u8]) {
        self.push_decoded(collection, name, |out| out.extend_from_slice(bytes));
    }

    /// Adds a value that `decode` appends to the buffer.
    pub fn push_decoded(&mut self, collection: Collection, name: &[u8], decode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        let name = name.get(..name.len().min(MAX_NAME)).unwrap_or_default();
        self.buffer.extend_from_slice(name);
        let middle = self.buffer.len();
        decode(&mut self.buffer);
        // A password comes in a body. In an address or a cookie the word would only switch detectors off.
        let secret = collection == Collection::ArgsPost && is_secret_name(name);
        self.list.push(Value {
            collection,
            secret,
            goes_on: false,
            name: start..middle,
            bytes: middle..self.buffer.len(),
        });
    }

    /// Values of a browser's report that quote the page's own script, from the value `first` on: no arguments of the shop's,
    /// and full of what script looks like. A browser cuts them at 40 signs; longer ones stay what they are.
    pub fn set_samples_apart(&mut self, first: usize) {
        const LONGEST: usize = 160;
        for index in first..self.list.len() {
            let Some(value) = self.list.get(index) else { continue };
            let name = self.name(value);
            let sample = name == b"json.csp-report.script-sample" || name.ends_with(b".body.sample");
            let short = value.collection == Collection::ArgsPost && value.bytes.len() <= LONGEST;
            if let Some(value) = self.list.get_mut(index).filter(|_| sample && short) {
                value.collection = Collection::FilesContent;
            }
        }
    }

    /// The value that was pushed last is a piece: the rest of it comes with the next window.
    pub fn last_goes_on(&mut self) {
        if let Some(last) = self.list.last_mut() {
            last.goes_on = true;
        }
    }

    /// Forgets all but the first `count` values.
    pub fn truncate(&mut self, count: usize) {
        self.list.truncate(count);
        self.buffer.truncate(self.list.last().map_or(0, |value| value.bytes.end));
    }

    /// Notes a fact, once.
    pub fn fact(&mut self, fact: Fact) {
        if !self.facts.contains(&fact) {
            self.facts.push(fact);
            self.push(Collection::Facts, fact.as_str().as_bytes(), b"1");
        }
    }

    #[cfg(test)]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }
}

/// The last part of a name: `password` of `user.password`, of `user[password]`, of `password[]`. What stands behind a
/// bracket PHP does not read, so `q[]password` is `q`.
fn own_name(name: &[u8]) -> &[u8] {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let Some(end) = memchr::memrchr(b']', last) else { return last };
    let before = last.get(..end).unwrap_or_default();
    let Some(start) = memchr::memrchr(b'[', before).filter(|start| *start > 0) else { return last };
    let inside = before.get(start + 1..).unwrap_or_default();
    match inside.iter().all(u8::is_ascii_digit) {
        true => own_name(before.get(..start).unwrap_or_default()),
        false => inside,
    }
}

/// Names of fields that hold a password: people may use any characters there, so text detectors stay away.
pub(crate) fn is_secret_name(name: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] =
        [b"password", b"passwd", b"passphrase", b"pass", b"pwd", b"passwort", b"haslo", b"sifre"];
    let last = own_name(name);
    let mut lower = [0_u8; 48];
    let length = last.len().min(lower.len());
    let (Some(target), Some(source)) = (lower.get_mut(..length), last.get(..length)) else { return false };
    target.copy_from_slice(source);
    target.make_ascii_lowercase();
    WORDS.iter().any(|word| match *word {
        b"pass" => target
            .split(|byte| !byte.is_ascii_alphanumeric())
            .any(|part| part == b"pass" || part == b"pass1" || part == b"pass2"),
        word => memchr::memmem::find(target, word).is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_told_by_its_own_name_and_comes_in_a_body() {
        for (name, secret) in [
            ("password", true),
            ("user.password", true),
            ("user[password]", true),
            ("users[0][new_password]", true),
            ("passwords[]", true),
            ("q[]password", false),
            ("q[x]pwd", false),
            ("q[0]passwd", false),
            ("q", false),
            ("compass", false),
        ] {
            let mut values = Values::default();
            for collection in [Collection::ArgsPost, Collection::ArgsGet, Collection::RequestCookies] {
                values.push(collection, name.as_bytes(), b"x");
            }
            let found: Vec<bool> = values.iter().map(|value| value.secret).collect();
            assert_eq!(found, [secret, false, false], "{name}");
        }
    }
}
