use super::{Cursor, Value};

/// Reads one JSON value (RFC 8259); trusts its author, so nesting is not limited.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut cursor = Cursor::new(text);
    let value = value(&mut cursor)?;
    space(&mut cursor);
    if cursor.peek().is_some() {
        Err(cursor.error("text after the value"))
    } else {
        Ok(value)
    }
}

fn space(cursor: &mut Cursor<'_>) {
    cursor.take_while(|c| c.is_ascii_whitespace());
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    space(cursor);
    match cursor.peek() {
        Some('{') => table(cursor),
        Some('[') => list(cursor),
        Some('"') => {
            cursor.expect('"')?;
            cursor.quoted().map(Value::Text)
        }
        _ => match cursor.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "" => Err(cursor.error("a value expected")),
            number => Ok(Value::Number(number.to_owned())),
        },
    }
}

fn list(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    let mut items = Vec::new();
    cursor.expect('[')?;
    space(cursor);
    if cursor.eat(']') {
        return Ok(Value::List(items));
    }
    loop {
        items.push(value(cursor)?);
        space(cursor);
        if !cursor.eat(',') {
            cursor.expect(']')?;
            return Ok(Value::List(items));
        }
    }
}

fn table(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    let mut entries = Vec::new();
    cursor.expect('{')?;
    space(cursor);
    if cursor.eat('}') {
        return Ok(Value::Table(entries));
    }
    loop {
        space(cursor);
        cursor.expect('"')?;
        let key = cursor.quoted()?;
        space(cursor);
        cursor.expect(':')?;
        entries.push((key, value(cursor)?));
        space(cursor);
        if !cursor.eat(',') {
            cursor.expect('}')?;
            return Ok(Value::Table(entries));
        }
    }
}
