use super::{Cursor, Value};

/// Reads the part of TOML that `deny.toml` is written in: tables, plain keys, strings, booleans, integers, arrays and
/// inline tables. Anything else is an error, never a guess.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut cursor = Cursor::new(text);
    let mut tables: Vec<(String, Value)> = Vec::new();
    let mut entries = Vec::new();
    let mut name = String::new();
    loop {
        space(&mut cursor);
        match cursor.peek() {
            None => break,
            Some('[') => {
                tables.push((
                    std::mem::take(&mut name),
                    Value::Table(std::mem::take(&mut entries)),
                ));
                cursor.expect('[')?;
                name = cursor.take_while(|c| is_key(c) || c == '.').to_owned();
                cursor.expect(']')?;
            }
            Some(_) => entries.push(entry(&mut cursor)?),
        }
    }
    tables.push((name, Value::Table(entries)));
    // Keys before the first header belong to the file itself; no file here has any.
    tables.retain(|(name, _)| !name.is_empty());
    Ok(Value::Table(tables))
}

fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn space(cursor: &mut Cursor<'_>) {
    loop {
        cursor.take_while(|c| c.is_ascii_whitespace());
        if cursor.peek() != Some('#') {
            return;
        }
        cursor.take_while(|c| c != '\n');
    }
}

fn entry(cursor: &mut Cursor<'_>) -> Result<(String, Value), String> {
    let key = cursor.take_while(is_key).to_owned();
    if key.is_empty() {
        return Err(cursor.error("a key expected"));
    }
    space(cursor);
    cursor.expect('=')?;
    space(cursor);
    Ok((key, value(cursor)?))
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    if cursor.eat('"') {
        return cursor.quoted().map(Value::Text);
    }
    if cursor.eat('[') {
        return sequence(cursor, ']', value).map(Value::List);
    }
    if cursor.eat('{') {
        return sequence(cursor, '}', entry).map(Value::Table);
    }
    match cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_') {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        number if number.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(Value::Number(number.to_owned()))
        }
        _ => Err(cursor.error("a string, boolean, integer, array or inline table expected")),
    }
}

fn sequence<T>(
    cursor: &mut Cursor<'_>,
    end: char,
    item: impl Fn(&mut Cursor<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    loop {
        space(cursor);
        if cursor.eat(end) {
            return Ok(items);
        }
        items.push(item(cursor)?);
        space(cursor);
        if !cursor.eat(',') {
            cursor.expect(end)?;
            return Ok(items);
        }
    }
}
