//! Bodies as Stripe takes them: forms with names in brackets (the URL standard's `application/x-www-form-urlencoded`).

/// A form under construction.
#[derive(Default)]
pub(super) struct Form(String);

impl Form {
    pub fn put(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
    }

    pub fn text(self) -> String {
        self.0
    }
}

fn encode(text: &str, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => {
                out.push('%');
                out.push(DIGITS[usize::from(other >> 4)]);
                out.push(DIGITS[usize::from(other & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_another_field() {
        let mut form = Form::default();
        form.put("line_items[0][name]", "a&amount=1 ü+%");
        form.put("x", "");
        assert_eq!(form.text(), "line_items%5B0%5D%5Bname%5D=a%26amount%3D1+%C3%BC%2B%25&x=");
    }
}
