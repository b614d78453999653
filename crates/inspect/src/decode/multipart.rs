//! multipart/form-data (RFC 7578), read tolerantly, with a fact for each departure from the standard.

use crate::content_type::{is_marked, reads_as_text};
use crate::values::{Collection, Fact, Values};

/// How much of an uploaded file is looked at.
const FILE_HEAD_BYTES: usize = 16 * 1024;
const MAX_PARTS: usize = 256;

/// The boundary named by a content type, and whether it is spelt as RFC 2046 section 5.1.1 allows.
pub(crate) fn boundary_of(content_type: &[u8]) -> Option<(&[u8], bool)> {
    let lower = content_type.to_ascii_lowercase();
    let place = memchr::memmem::find(&lower, b"boundary")?;
    let again = memchr::memmem::find(lower.get(place + 8..)?, b"boundary=").is_some();
    let after = content_type.get(place + 8..)?.trim_ascii_start();
    let raw = after.strip_prefix(b"=")?;
    let boundary = match raw.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next()?,
        None => raw.split(|byte| matches!(byte, b';' | b',')).next()?.trim_ascii(),
    };
    let strict = !again
        && !boundary.is_empty()
        && boundary.len() <= 70
        && boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte))
        && after.first() == Some(&b'=')
        && !raw.starts_with(b" ");
    Some((boundary, strict))
}

pub(crate) fn multipart(source: &[u8], boundary: &[u8], complete: bool, values: &mut Values) {
    let delimiter = [b"--", boundary].concat();
    let mut finder = memchr::memmem::find_iter(source, &delimiter);
    let Some(first) = finder.next() else {
        values.fact(Fact::BadMultipart);
        values.push(Collection::RequestBody, b"", source);
        return;
    };
    if !source.get(..first).unwrap_or_default().trim_ascii().is_empty() {
        values.fact(Fact::BadMultipart);
        values.push(Collection::RequestBody, b"", source.get(..first).unwrap_or_default());
    }
    let mut start = first + delimiter.len();
    let mut closed = false;
    let mut parts = 0;
    loop {
        if source.get(start..).is_some_and(|rest| rest.starts_with(b"--")) {
            closed = true;
            let behind = source.get(start + 2..).unwrap_or_default();
            if behind.trim_ascii().is_empty() {
                break;
            }
            // Nothing belongs there, and PHP reads parts behind it all the same.
            values.fact(Fact::BadMultipart);
            values.push(Collection::RequestBody, b"", behind);
        }
        let next = finder.find(|place| {
            let at_start = at_line_start(source, *place);
            // Some readers (Django) take the boundary for one wherever it stands; RFC 2046 5.1.1 lets it stand nowhere else.
            if !at_start {
                values.fact(Fact::BadMultipart);
            }
            at_start
        });
        let end = next.unwrap_or(source.len());
        parts += 1;
        if parts > MAX_PARTS || values.is_full() {
            values.fact(Fact::TooManyArguments);
            values.push(Collection::RequestBody, b"", source.get(start..).unwrap_or_default());
            return;
        }
        part(source.get(start..end).unwrap_or_default(), values);
        let Some(next) = next else { break };
        start = next + delimiter.len();
    }
    if !closed && complete {
        values.fact(Fact::BadMultipart);
    }
}

fn at_line_start(source: &[u8], place: usize) -> bool {
    place == 0 || source.get(place - 1) == Some(&b'\n')
}

fn part(source: &[u8], values: &mut Values) {
    let source = source.strip_prefix(b"\r\n").or_else(|| source.strip_prefix(b"\n")).unwrap_or_else(|| {
        values.fact(Fact::BadMultipart);
        source
    });
    let (head, body) = split_head(source, values);
    let body = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")).unwrap_or(body);
    let head = read_head(head, values);
    let name = head.name.as_slice();
    if head.is_base64 {
        transfer_encoded(name, body, values);
    }
    let runs;
    let argument = match (&head.file_name, head.file) {
        (Some(_), FileFor::Most) if is_marked(body) && !holds_words_of_code(body) => {
            runs = text_runs(body);
            runs.as_slice()
        }
        (Some(_), FileFor::Some) if !reads_as_text(body) => {
            // No program writes a file so, and its bytes cannot be judged as the field that others take it for.
            if !body.is_empty() {
                values.fact(Fact::BadMultipart);
            }
            body
        }
        _ => body,
    };
    values.push(Collection::ArgsPostNames, name, name);
    match &head.file_name {
        Some(file_name) => {
            values.push(Collection::Files, name, file_name);
            let length = body.len().min(FILE_HEAD_BYTES);
            values.push(Collection::FilesContent, name, body.get(..length).unwrap_or_default());
            if head.file != FileFor::All {
                values.push(Collection::ArgsPost, name, argument);
            }
        }
        None => values.push(Collection::ArgsPost, name, body),
    }
}

/// Whether what stands behind a delimiter begins with the head of a file, for every reader.
pub(super) fn is_file_part(source: &[u8]) -> bool {
    let Some(inside) = source.strip_prefix(b"\r\n") else { return false };
    let Some(end) = memchr::memmem::find(inside, b"\r\n\r\n") else { return false };
    let head = read_head(inside.get(..end).unwrap_or_default(), &mut Values::default());
    head.file_name.is_some() && head.file == FileFor::All
}

/// A part's name, and whether it is a file to every reader.
pub(crate) fn part_head(head: &[u8]) -> (Vec<u8>, bool) {
    let read = read_head(head, &mut Values::default());
    (read.name, read.file_name.is_some() && read.file == FileFor::All)
}

/// What the head of a part says.
struct PartHead {
    name: Vec<u8>,
    file_name: Option<Vec<u8>>,
    file: FileFor,
    is_base64: bool,
}

/// Who takes a part for a file: PHP, Django and others differ on all spellings but the browsers'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FileFor {
    /// A spelling that no program has.
    Some,
    /// As known programs write it, and not every reader takes it: `filename*` alone, a quote in the name.
    Most,
    All,
}

fn read_head(head: &[u8], values: &mut Values) -> PartHead {
    let mut read = PartHead { name: Vec::new(), file_name: None, file: FileFor::All, is_base64: false };
    let mut dispositions = 0;
    for line in head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let Some(colon) = memchr::memchr(b':', line) else {
            values.fact(Fact::BadMultipart);
            continue;
        };
        let (field, value) = line.split_at(colon);
        if field.last().is_some_and(u8::is_ascii_whitespace) {
            // Some readers take the field, some do not.
            values.fact(Fact::BadMultipart);
        }
        let field = field.trim_ascii_end();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if field.eq_ignore_ascii_case(b"content-disposition") {
            dispositions += 1;
            let file = if dispositions == 1 { file_for(value) } else { FileFor::Some };
            read.file = read.file.min(file);
            if let Some(name) = parameter(value, b"name") {
                read.name = name;
            }
            read.file_name = parameter(value, b"filename").or(read.file_name);
            if let Some(extended) = parameter(value, b"filename*") {
                let plain = extended.rsplit(|byte| *byte == b'\'').next().unwrap_or_default();
                let mut decoded = Vec::new();
                super::percent_decode(plain, &mut decoded);
                values.push(Collection::Files, &read.name, &decoded);
                read.file_name.get_or_insert(decoded);
            }
        }
        if field.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let encoding = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            let is = |word: &[u8]| encoding.eq_ignore_ascii_case(word);
            if is(b"base64") {
                read.file = FileFor::Some;
                read.is_base64 = true;
            } else if !(is(b"binary") || is(b"8bit") || is(b"7bit")) {
                // RFC 7578 section 4.7 has done away with them; some readers still decode.
                values.fact(Fact::BadMultipart);
            }
        }
        values.push(Collection::MultipartPartHeaders, field, value);
    }
    if dispositions != 1 {
        values.fact(Fact::BadMultipart);
    }
    read
}

/// Who takes the disposition for that of a file. All readers do where it is: `form-data`, then `name`, `filename` and possibly `filename*`
/// (RFC 5987), each once, in any order, each a token or a plain quoted text and none empty. Browsers (HTML 4.10.21.8) and
/// the usual libraries write it so; on escapes, blanks around `=`, a `filename*` alone and all else readers differ.
fn file_for(value: &[u8]) -> FileFor {
    disposition(value).unwrap_or(FileFor::Some)
}

fn disposition(value: &[u8]) -> Option<FileFor> {
    let (kind, mut rest) = value.split_at_checked(9)?;
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let mut file = FileFor::All;
    let (mut names, mut files, mut extended) = (0, 0, 0);
    while !rest.is_empty() {
        let after = rest.strip_prefix(b";")?.trim_ascii_start();
        let (key, text) = after.split_at(memchr::memchr(b'=', after)?);
        let text = text.get(1..).unwrap_or_default();
        let (read, left) = match plain_value(text) {
            Some(read) => read,
            None if key.eq_ignore_ascii_case(b"filename") => {
                file = FileFor::Most;
                escaped_value(text)?
            }
            None => return None,
        };
        if key.eq_ignore_ascii_case(b"name") {
            names += 1;
        } else if key.eq_ignore_ascii_case(b"filename") {
            files += 1;
        } else if key.eq_ignore_ascii_case(b"filename*") {
            extended += 1;
            let parts: Vec<&[u8]> = read.split(|byte| *byte == b'\'').collect();
            if !matches!(parts.as_slice(), [charset, _, name] if !charset.is_empty() && !name.is_empty()) {
                return None;
            }
        } else {
            return None;
        }
        // PHP takes an apostrophe for a quote, too.
        let quoted_for_php = read.contains(&b'\'') && !key.eq_ignore_ascii_case(b"filename*");
        if read.is_empty() || quoted_for_php {
            return None;
        }
        rest = left;
    }
    match (names, files, extended) {
        (1, 1, 0 | 1) => Some(file),
        (1, 0, 1) => Some(FileFor::Most),
        _ => None,
    }
}

/// A quoted text in which quotes and backslashes are escaped, and nothing else: curl's.
fn escaped_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quoted = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        match (quoted.get(at)?, quoted.get(at + 1)) {
            (b'\\', Some(b'"' | b'\\')) => at += 2,
            (b'"', None | Some(b';')) => return Some((quoted.get(..at)?, quoted.get(at + 1..)?)),
            (b'"' | b'\\' | 0..=0x1F | 0x7F, _) => return None,
            _ => at += 1,
        }
    }
}

/// Words that no noise of a picture spells: with one of them the whole is judged as the field that some take it for.
fn holds_words_of_code(body: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] =
        [b"select", b"union", b"script", b"sleep", b"onerror", b"onload", b"insert", b"values(", b"like'"];
    let lower = body.to_ascii_lowercase();
    WORDS.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// A token, or a quoted text without escape and control; and what stands behind it.
fn plain_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let plain = |byte: &u8| *byte >= b' ' && *byte != 0x7F && *byte != b'\\';
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let length = text.iter().take_while(|byte| **byte != b';').count();
        let (token, left) = text.split_at(length);
        let is_token = |byte: &u8| plain(byte) && !matches!(byte, b' ' | b'"' | b'=' | b',');
        return token.iter().all(is_token).then_some((token, left));
    };
    let length = memchr::memchr(b'"', quoted)?;
    let (inside, left) = quoted.split_at(length);
    let left = left.get(1..)?;
    let ended = left.is_empty() || left.starts_with(b";");
    (ended && inside.iter().all(plain)).then_some((inside, left))
}

/// What can be read in bytes that are no text: an attack in a part that only some readers take for a field stands there
/// still, while the noise of a picture is no text to be judged.
fn text_runs(body: &[u8]) -> Vec<u8> {
    const SHORTEST: usize = 24;
    // SQL Server takes every control byte for a blank.
    let is_text = |byte: &u8| (0x01..0x7F).contains(byte);
    // Bytes that are no text may stand in comments.
    let mut plain = Vec::with_capacity(body.len());
    super::replace_comments(body, &mut plain);
    blank_line_comments(&mut plain);
    let mut runs = Vec::new();
    for run in plain.split(|byte| !is_text(byte)).filter(|run| run.len() >= SHORTEST) {
        runs.extend_from_slice(run);
        runs.push(b'\n');
    }
    runs
}

/// Blanks from two dashes or a number sign to the end of the line, as far as a line is a comment's and not a picture's.
fn blank_line_comments(bytes: &mut [u8]) {
    const LONGEST: usize = 256;
    let mut at = 0;
    while let Some(place) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'-', b'#', rest)) {
        at += place + 1;
        let dashes = usize::from(bytes.get(at - 1) == Some(&b'-'));
        if dashes == 1 && bytes.get(at) != Some(&b'-') {
            continue;
        }
        let behind = at + dashes;
        let line = bytes.get_mut(behind..).unwrap_or_default();
        let length = memchr::memchr(b'\n', line.get(..line.len().min(LONGEST)).unwrap_or_default());
        line.iter_mut().take(length.unwrap_or(0)).for_each(|byte| *byte = b' ');
    }
}

/// Some readers (Django) decode a part as its field says; what it says then is an argument.
fn transfer_encoded(name: &[u8], body: &[u8], values: &mut Values) {
    values.push(Collection::ArgsPost, name, &decode_base64(body, false));
    // Python passes over `-` and `_`; others take them for the last two letters of the alphabet for addresses.
    if body.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        values.push(Collection::ArgsPost, name, &decode_base64(body, true));
    }
}

fn decode_base64(body: &[u8], of_addresses: bool) -> Vec<u8> {
    let (mut decoded, mut bits, mut count) = (Vec::with_capacity(body.len() / 4 * 3), 0u32, 0u32);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'-' if of_addresses => 62,
            b'_' if of_addresses => 63,
            _ => continue,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count & 0xFF).unwrap_or(0));
        }
    }
    decoded
}

fn split_head<'s>(source: &'s [u8], values: &mut Values) -> (&'s [u8], &'s [u8]) {
    if let Some(rest) = source.strip_prefix(b"\r\n") {
        return (b"", rest);
    }
    if let Some(place) = memchr::memmem::find(source, b"\r\n\r\n") {
        return (source.get(..place).unwrap_or_default(), source.get(place + 4..).unwrap_or_default());
    }
    values.fact(Fact::BadMultipart);
    match memchr::memmem::find(source, b"\n\n") {
        Some(place) => (source.get(..place).unwrap_or_default(), source.get(place + 2..).unwrap_or_default()),
        None => (b"", source),
    }
}

/// A parameter of a header field: quoted, with backslash escapes, or bare.
fn parameter(value: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    while let Some(semicolon) = memchr::memchr(b';', rest) {
        rest = rest.get(semicolon + 1..)?.trim_ascii_start();
        let name_length = rest.iter().take_while(|byte| !matches!(byte, b'=' | b';')).count();
        let (name, after) = rest.split_at(name_length);
        let Some(text) = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        let (read, left) = parameter_value(text);
        if name.trim_ascii().eq_ignore_ascii_case(wanted) {
            return Some(read);
        }
        rest = left;
    }
    None
}

fn parameter_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let length = text.iter().take_while(|byte| **byte != b';').count();
        let (bare, left) = text.split_at(length);
        return (bare.trim_ascii().to_vec(), left);
    };
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at).copied() {
        at += 1;
        match byte {
            b'"' => break,
            // Browsers escape only the quote; a lone backslash is part of a Windows path.
            b'\\' if quoted.get(at) == Some(&b'"') => {
                out.push(b'"');
                at += 1;
            }
            _ => out.push(byte),
        }
    }
    (out, quoted.get(at..).unwrap_or_default())
}
