//! Where in the text a value is.

/// Line and column, from 1, of the value at `pointer` in the good JSON `text`, or of the nearest value around it.
pub(super) fn locate(text: &str, pointer: &str) -> (usize, usize) {
    let mut walk = Walk { text, at: 0 };
    walk.blank();
    for part in pointer.split('/').skip(1) {
        let found = match walk.sign() {
            Some(b'{') => walk.key(&part.replace("~1", "/").replace("~0", "~")),
            Some(b'[') => part.parse().is_ok_and(|place| walk.item(place)),
            _ => false,
        };
        if !found {
            break;
        }
    }
    let before = &text[..walk.at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn sign(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.sign().is_some_and(|sign| sign.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Goes to the value of `wanted` in the object here, or stays.
    fn key(&mut self, wanted: &str) -> bool {
        let start = self.at;
        self.next();
        while self.sign() == Some(b'"') {
            let from = self.at;
            self.skip();
            let key: Result<String, _> = serde_json::from_str(&self.text[from..self.at]);
            self.blank();
            self.next(); // the colon
            if key.is_ok_and(|key| key == wanted) {
                return true;
            }
            self.skip();
            self.blank();
            self.next(); // the comma, or the end
        }
        self.at = start;
        false
    }

    /// Goes to the item at `place` of the list here, or stays.
    fn item(&mut self, place: usize) -> bool {
        let start = self.at;
        self.next();
        for _ in 0..place {
            self.skip();
            self.blank();
            if self.sign() != Some(b',') {
                self.at = start;
                return false;
            }
            self.next();
        }
        true
    }

    /// Over one sign and what is blank after it.
    fn next(&mut self) {
        self.at = (self.at + 1).min(self.text.len());
        self.blank();
    }

    /// Over one value.
    fn skip(&mut self) {
        let mut open = 0_usize;
        while let Some(sign) = self.sign() {
            match sign {
                b'"' => self.skip_text(),
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                // Numbers and words end before what follows them.
                _ => {
                    let rest = &self.text[self.at..];
                    let ends = |c: char| c.is_ascii_whitespace() || ",]}:\"".contains(c);
                    self.at += rest.find(ends).unwrap_or(rest.len()).max(1) - 1;
                }
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    /// To the quote that ends the text here.
    fn skip_text(&mut self) {
        self.at += 1;
        while let Some(sign) = self.sign() {
            match sign {
                b'\\' => self.at += 1,
                b'"' => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}
