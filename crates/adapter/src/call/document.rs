//! A GraphQL document, cut into its tokens as the language says (October 2021, section 2.1): blanks, commas, comments and byte order
//! marks separate and mean nothing, and strings are of two kinds.

use std::borrow::Cow;

/// A token of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'d> {
    Name(&'d str),
    /// `$name`.
    Variable(&'d str),
    /// What it says.
    Text(String),
    /// A sign of the language; `...` is one `.`.
    Sign(char),
    Number,
}

/// What an argument is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<'d> {
    Text(String),
    Variable(&'d str),
    /// A number, a list, an object, a word.
    Other,
}

impl<'d> Given<'d> {
    fn of(value: &Token<'d>) -> Self {
        match value {
            Token::Text(text) => Given::Text(text.clone()),
            Token::Variable(name) => Given::Variable(name),
            Token::Name(_) | Token::Sign(_) | Token::Number => Given::Other,
        }
    }
}

/// A document with a field that is looked for.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    tokens: Vec<Token<'d>>,
}

impl<'d> Document<'d> {
    /// `None` for what is no document, or could be cut in two ways.
    pub(crate) fn read(text: &'d str) -> Option<Self> {
        let mut rest = text;
        let mut tokens = Vec::new();
        loop {
            rest = skip(rest)?;
            if rest.is_empty() {
                return Some(Document { tokens });
            }
            let (token, left) = next(rest)?;
            tokens.push(token);
            rest = left;
        }
    }

    /// Places of a field among the tokens, under its own name or another one.
    fn places(&self, fields: &[String]) -> Vec<usize> {
        let is_one =
            |token: &Token<'_>| matches!(token, Token::Name(name) if fields.iter().any(|f| f == name));
        self.tokens.iter().enumerate().filter(|(_, token)| is_one(token)).map(|(at, _)| at).collect()
    }

    /// Whether one of these fields is called once, and under its own name: what stands before it begins or ends another field.
    pub(crate) fn calls_once(&self, fields: &[String]) -> bool {
        let [at] = self.places(fields)[..] else { return false };
        let before = at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let is_begun = match before {
            Some(Token::Name(_)) => true,
            Some(Token::Sign(sign)) => ['{', '}', ')'].contains(sign),
            Some(Token::Variable(_) | Token::Text(_) | Token::Number) | None => false,
        };
        is_begun && self.tokens.get(at + 1) != Some(&Token::Sign(':'))
    }

    /// The tokens between the parentheses behind the first of these fields.
    fn arguments(&self, fields: &[String]) -> &[Token<'d>] {
        let from = self.places(fields).first().map_or(self.tokens.len(), |at| at + 1);
        let rest = self.tokens.get(from..).unwrap_or_default();
        let Some((Token::Sign('('), rest)) = rest.split_first() else { return &[] };
        let mut depth = 1usize;
        let mut ends = |token: &Token<'_>| {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            depth == 0
        };
        let end = rest.iter().position(&mut ends);
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    /// What the arguments of these names are given where one of these fields is called, however deep in an object.
    pub(crate) fn given(&self, fields: &[String], names: &[&str]) -> Vec<Given<'d>> {
        let tokens = self.arguments(fields);
        let values = tokens.iter().enumerate().filter_map(|(at, token)| {
            let is_one = matches!(token, Token::Name(name) if names.contains(name));
            let is_given = tokens.get(at + 1) == Some(&Token::Sign(':'));
            (is_one && is_given).then(|| tokens.get(at + 2).map_or(Given::Other, Given::of))
        });
        values.collect()
    }

    /// Whether the call of one of these fields is given this variable.
    pub(crate) fn takes(&self, fields: &[String], variable: &str) -> bool {
        self.arguments(fields).contains(&Token::Variable(variable))
    }

    /// The name of the argument that is given this variable where one of these fields is called.
    pub(crate) fn argument_of(&self, fields: &[String], variable: &str) -> Option<&'d str> {
        let tokens = self.arguments(fields);
        tokens.windows(3).find_map(|three| match three {
            [Token::Name(name), Token::Sign(':'), Token::Variable(given)] if *given == variable => {
                Some(*name)
            }
            _ => None,
        })
    }

    /// Whether an argument, or a field of an object, is given anything under such a name.
    pub(crate) fn gives(&self, is_one: impl Fn(&str) -> bool) -> bool {
        let mut pairs = self.tokens.windows(2);
        pairs.any(|pair| matches!(pair, [Token::Name(name), Token::Sign(':')] if is_one(name)))
    }

    /// What arguments and fields of objects are given under such names, wherever they stand.
    pub(crate) fn given_under(&self, is_one: impl Fn(&str) -> bool) -> Vec<Given<'d>> {
        let given = self.tokens.windows(3).filter_map(|three| match three {
            [Token::Name(name), Token::Sign(':'), value] if is_one(name) => Some(value),
            _ => None,
        });
        given.map(Given::of).collect()
    }

    /// The text that a variable has where the call gives it none.
    pub(crate) fn default_of(&self, variable: &str) -> Option<&str> {
        let at = self.tokens.windows(2).position(
            |pair| matches!(pair, [Token::Variable(name), Token::Sign(':')] if *name == variable),
        )?;
        let mut of_type = self.tokens.get(at + 2..)?.iter();
        let next = of_type.find(|token| !matches!(token, Token::Name(_) | Token::Sign('!' | '[' | ']')))?;
        match (next, of_type.next()?) {
            (Token::Sign('='), Token::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// What stands behind all that means nothing. `None` where a comment may end in two places.
fn skip(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start_matches(['\u{feff}', '\t', ' ', '\n', '\r', ',']);
        let Some(comment) = text.strip_prefix('#') else { return Some(text) };
        let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
        let (said, rest) = comment.split_at(end);
        // Some readers take these for the end of a line.
        let may_end =
            |sign: char| (sign.is_control() && sign != '\t') || ['\u{2028}', '\u{2029}'].contains(&sign);
        if said.contains(may_end) {
            return None;
        }
        text = rest;
    }
}

fn next(text: &str) -> Option<(Token<'_>, &str)> {
    let first = text.chars().next()?;
    match first {
        'A'..='Z' | 'a'..='z' | '_' => name(text).map(|(name, rest)| (Token::Name(name), rest)),
        '$' => name(skip(text.get(1..)?)?).map(|(name, rest)| (Token::Variable(name), rest)),
        '"' => string(text).map(|(said, rest)| (Token::Text(said), rest)),
        '!' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
            Some((Token::Sign(first), text.get(1..)?))
        }
        '.' => text.strip_prefix("...").map(|rest| (Token::Sign('.'), rest)),
        '0'..='9' | '-' => {
            let part = |sign: char| sign.is_ascii_alphanumeric() || ['_', '.', '+', '-'].contains(&sign);
            let end = text.find(|sign| !part(sign)).unwrap_or(text.len());
            Some((Token::Number, text.get(end..)?))
        }
        _ => None,
    }
}

fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn string(text: &str) -> Option<(String, &str)> {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let mut from = 0;
        loop {
            let at = from + block.get(from..)?.find("\"\"\"")?;
            if !block.get(..at)?.ends_with('\\') {
                let said = block.get(..at)?.replace("\\\"\"\"", "\"\"\"");
                return Some((plain_block(&said).into_owned(), block.get(at + 3..)?));
            }
            from = at + 3;
        }
    }
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.find(|sign: char| {
        let ends = (sign == '"' && !is_escaped) || sign == '\n' || sign == '\r';
        is_escaped = sign == '\\' && !is_escaped;
        ends
    })?;
    let rest = inner.get(end..)?.strip_prefix('"')?;
    Some((unescaped(inner.get(..end)?)?, rest))
}

/// A block of one line is what it says. Of several, indentation and empty lines at both ends go.
fn plain_block(said: &str) -> Cow<'_, str> {
    if !said.contains(['\n', '\r']) {
        return Cow::Borrowed(said);
    }
    let lines: Vec<_> = said.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
    Cow::Owned(lines.join("\n"))
}

/// The escapes of a string: those of JSON, and `\u{…}` (September 2025).
fn unescaped(said: &str) -> Option<String> {
    let Some(_) = said.find("\\u{") else { return serde_json::from_str(&format!("\"{said}\"")).ok() };
    let mut out = String::new();
    let mut parts = said.split("\\u{");
    out.push_str(parts.next()?);
    for part in parts {
        // An even number of backslashes before it is none of its own.
        if out.chars().rev().take_while(|sign| *sign == '\\').count() % 2 == 1 {
            return None;
        }
        let (digits, rest) = part.split_once('}')?;
        let sign = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        if sign.is_control() || ['"', '\\'].contains(&sign) {
            return None;
        }
        out.push(sign);
        out.push_str(rest);
    }
    serde_json::from_str(&format!("\"{out}\"")).ok()
}

#[cfg(test)]
mod tests;
