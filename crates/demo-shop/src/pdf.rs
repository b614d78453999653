//! The care guide as a one-page PDF and as plain text, written by us from the same words.

use std::fmt::Write as _;

const GUIDE: &str = include_str!("../assets/care-guide.txt");

pub fn care_guide_text() -> &'static str {
    GUIDE
}

/// ISO 32000-1, sections 7.5 (file structure) and 9.4 (text): five objects, one page, the standard font.
pub fn care_guide_pdf() -> Vec<u8> {
    let content = page_content();
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut offsets = Vec::with_capacity(objects.len());
    for (object, number) in objects.iter().zip(1..) {
        offsets.push(file.len());
        let _infallible = write!(file, "{number} 0 obj\n{object}\nendobj\n");
    }
    let table_at = file.len();
    let _infallible = write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _infallible = writeln!(file, "{offset:010} 00000 n ");
    }
    let _infallible = write!(
        file,
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table_at}\n%%EOF\n",
        objects.len() + 1
    );
    file.into_bytes()
}

fn page_content() -> String {
    let mut content = String::from("BT\n/F1 20 Tf\n26 TL\n60 770 Td\n");
    for (line, at) in GUIDE.lines().zip(0..) {
        if at == 1 {
            content.push_str("/F1 11 Tf\n15 TL\n");
        }
        let escaped = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        let _infallible = writeln!(content, "({escaped}) Tj T*");
    }
    content.push_str("ET");
    content
}

#[cfg(test)]
mod tests {
    use super::{GUIDE, care_guide_pdf};

    #[test]
    fn the_table_points_at_itself_and_the_words_fit_the_font() {
        assert!(GUIDE.is_ascii(), "the standard font's encoding is not UTF-8");
        let file = String::from_utf8(care_guide_pdf()).unwrap();
        let start = file.rsplit("startxref\n").next().unwrap().lines().next().unwrap();
        assert!(file[start.parse::<usize>().unwrap()..].starts_with("xref"));
    }
}
