//! Values in XML-RPC, which WordPress answers programs by: a member's name says what it holds.

use super::find::Found;
use super::json;
use super::pages::ShopPages;

/// Values of members whose names the file names, and pairs of the text that a name stands before, whatever tags are between.
pub(crate) fn values(body: &str, shop: &ShopPages, found: &mut Vec<Found>) {
    if !body.contains("<member>") {
        return;
    }
    let mut at = 0;
    while let Some(name) = element(body, at, "name") {
        at = name.end;
        let name = body.get(name).unwrap_or_default().trim();
        let Some(field) = shop.xml.get(name).copied().or_else(|| json::field(name, shop)) else { continue };
        let Some(value) = element(body, at, "value") else { return };
        // The next member's value is not this one's.
        if body.get(at..value.start).is_some_and(|between| between.contains("<name>")) {
            continue;
        }
        // A value's own tag, such as <string>, may be left out; what is within a structure has names of its own.
        let inner = body.get(value.clone()).unwrap_or_default();
        let text = match inner.find("<string>") {
            Some(begin) if !inner.contains("<struct>") && !inner.contains("<array>") => {
                let from = begin + "<string>".len();
                let length = inner.get(from..).and_then(|rest| rest.find('<')).unwrap_or(0);
                value.start + from..value.start + from + length
            }
            None if !inner.contains('<') => value,
            _ => continue,
        };
        if !text.is_empty() {
            at = text.end;
            found.push(Found::new(text, field));
        }
    }
}

/// Where the text of the next element of this name stands.
fn element(body: &str, from: usize, name: &str) -> Option<std::ops::Range<usize>> {
    let rest = body.get(from..)?;
    let begin = from + rest.find(&format!("<{name}>"))? + name.len() + 2;
    let length = body.get(begin..)?.find(&format!("</{name}>"))?;
    Some(begin..begin + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_names() {
        let shop = ShopPages::built_in("wordpress").unwrap();
        let read = |body: &str| -> Vec<String> {
            let mut found = Vec::new();
            values(body, &shop, &mut found);
            found.iter().map(|one| format!("{}={}", one.field.name, &body[one.range.clone()])).collect()
        };
        let member =
            |name: &str, value: &str| format!("<member><name>{name}</name><value>{value}</value></member>");
        let body = format!(
            "<struct>{}{}{}{}</struct>",
            member("user_id", "<string>7</string>"),
            member("first_name", "<string>Ada</string>"),
            member("display_name", "Ada L."),
            member("roles", "<array><data><value><string>customer</string></value></data></array>")
        );
        assert_eq!(read(&body), ["name=Ada", "name=Ada L."]);
        assert_eq!(
            read(&member("email", "<struct><member><name>x</name><value>y</value></member></struct>")),
            [""; 0]
        );
        assert_eq!(read("<member><name>email</name>"), [""; 0]);
        assert_eq!(read("<p>first_name</p>"), [""; 0]);
    }
}
