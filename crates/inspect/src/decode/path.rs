//! Paths: `.` and `..` resolved, slashes of both kinds and runs of them made one.

pub(crate) fn normalize_path(source: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let absolute = matches!(source.first(), Some(b'/' | b'\\'));
    if absolute {
        out.push(b'/');
    }
    let floor = out.len();
    let mut depth = 0_usize;
    for segment in source.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." if depth > 0 => {
                depth -= 1;
                let kept = out.get(floor..).unwrap_or_default().iter().rposition(|byte| *byte == b'/');
                out.truncate(floor + kept.unwrap_or(0));
            }
            _ => {
                if out.len() > floor {
                    out.push(b'/');
                }
                out.extend_from_slice(segment);
                depth += usize::from(segment != b"..");
            }
        }
    }
    let ended = matches!(source.last(), Some(b'/' | b'\\')) && out.len() > start + usize::from(absolute);
    if ended {
        out.push(b'/');
    }
}
