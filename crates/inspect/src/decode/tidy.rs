//! Comments, white space and shell quoting.

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b || byte == 0xa0
}

/// Every run of white space becomes one space.
pub(crate) fn compress_white_space(source: &[u8], out: &mut Vec<u8>) {
    let mut spaced = false;
    for byte in source {
        let space = byte.is_ascii_whitespace() || *byte == 0x0b;
        if !(space && spaced) {
            out.push(if space { b' ' } else { *byte });
        }
        spaced = space;
    }
}

pub(crate) fn remove_white_space(source: &[u8], out: &mut Vec<u8>) {
    out.extend(source.iter().filter(|byte| !is_space(**byte)));
}

/// Every `/* ... */` becomes one space; an open one swallows the rest.
pub(crate) fn replace_comments(source: &[u8], out: &mut Vec<u8>) {
    let mut rest = source;
    while let Some(open) = memchr::memmem::find(rest, b"/*") {
        out.extend_from_slice(rest.get(..open).unwrap_or_default());
        out.push(b' ');
        let inside = rest.get(open + 2..).unwrap_or_default();
        match memchr::memmem::find(inside, b"*/") {
            Some(close) => rest = inside.get(close + 2..).unwrap_or_default(),
            None => return,
        }
    }
    out.extend_from_slice(rest);
}

/// What a shell sees of a command: quotes, carets and backslashes gone, `,` and `;` and runs of white space one space,
/// no space before `/` and `(`, all lower case (SecLang's cmdLine).
pub(crate) fn command_line(source: &[u8], out: &mut Vec<u8>) {
    let mut spaced = false;
    for byte in source {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => continue,
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !spaced {
                    out.push(b' ');
                }
                spaced = true;
                continue;
            }
            b'/' | b'(' if spaced => {
                out.pop();
                out.push(*byte);
            }
            _ => out.push(byte.to_ascii_lowercase()),
        }
        spaced = false;
    }
}
