//! A copy of what is kept, for the person whose data it is.

use std::fmt::Write as _;

use storeward_policy::Mask;

use crate::opening::Opening;

/// A structured, commonly used form (GDPR article 20): one object a value. What is kept and not in it, or not in whole, is in it
/// by name: no copy passes for a whole one that is none.
pub fn json(opening: &Opening) -> String {
    let mut list: Vec<serde_json::Value> = opening
        .values
        .iter()
        .map(|one| {
            let mut object = serde_json::json!({
                "collection": one.field.class.name(),
                "field": one.field.name,
                "from": one.provenance,
                "item": one.item,
                "value": one.value.expose(),
                "written_at": one.written_at.rfc3339(),
            });
            if one.mask != Mask::Whole {
                object["shown"] = one.mask.name().into();
            }
            object
        })
        .collect();
    list.extend(opening.refused.iter().map(|one| {
        serde_json::json!({
            "collection": one.field.class.name(),
            "field": one.field.name,
            "value": null,
            "withheld": one.reason,
        })
    }));
    let mut text = serde_json::to_string_pretty(&list).unwrap_or_default();
    text.push('\n');
    text
}

/// RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection). The last column
/// says how much of a value is there: `whole`, `part`, `hidden`, or why it is withheld.
pub fn csv(opening: &Opening) -> String {
    let mut out = String::from("collection,item,field,value,from,written_at,shown\r\n");
    for one in &opening.values {
        let cells = [
            one.field.class.name(),
            &one.item,
            one.field.name,
            one.value.expose(),
            &one.provenance,
            &one.written_at.rfc3339(),
            one.mask.name(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        let _ = write!(out, "{}\r\n", cells.join(","));
    }
    for one in &opening.refused {
        let why = format!("withheld: {}", one.reason);
        let cells = [one.field.class.name(), "", one.field.name, "", "", "", &why];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        let _ = write!(out, "{}\r\n", cells.join(","));
    }
    out
}

fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '-', '@', '\t', '\r'])
        || (cell.starts_with('+') && !cell.bytes().skip(1).all(|b| b.is_ascii_digit()));
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula_or_ends_before_its_end() {
        for (cell, written) in [
            ("Ada", "\"Ada\""),
            ("say \"hello\", twice", "\"say \"\"hello\"\", twice\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("+49301234567", "\"+49301234567\""),
            ("+1+cmd|'/C calc'!A0", "\"'+1+cmd|'/C calc'!A0\""),
            ("-2+3", "\"'-2+3\""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
