use super::{Value, parse_json, parse_toml};

#[test]
fn json_of_every_kind_is_read() {
    let value = parse_json(
        r#" {"a": [1, -2.5e3, true, null], "b": {"c": "x\"\u00e9\ud83d\ude00\n"}, "d": []} "#,
    )
    .unwrap();
    assert_eq!(value.get("a").unwrap().items().len(), 4);
    assert_eq!(
        value.get("b").unwrap().get("c").unwrap().text(),
        Some("x\"é😀\n")
    );
    assert_eq!(value.get("d"), Some(&Value::List(Vec::new())));
}

#[test]
fn broken_json_is_refused_with_its_line() {
    assert_eq!(
        parse_json("{\n\"a\" 1}").unwrap_err(),
        "line 2: `:` expected"
    );
    for broken in ["", "[1", "{\"a\":}", "\"x", "1 2", "\"\\u12"] {
        assert!(parse_json(broken).is_err(), "{broken}");
    }
}

#[test]
fn the_toml_of_our_own_file_is_read() {
    let text = "# why\n[bans]\ndeny = [\n  { crate = \"a\", use-instead = \"b\" }, # c\n]\n[a.b]\nyes = true\nn = 1\n";
    let value = parse_toml(text).unwrap();
    let banned = &value.get("bans").unwrap().get("deny").unwrap().items()[0];
    assert_eq!(banned.get("use-instead").unwrap().text(), Some("b"));
    assert_eq!(
        value.get("a.b").unwrap().get("yes"),
        Some(&Value::Bool(true))
    );
}

#[test]
fn toml_beyond_the_subset_is_refused() {
    for beyond in [
        "a = 'x'",
        "[[a]]",
        "a.b = 1",
        "a = 1979-05-27T07:32:00Z",
        "a = \"\n",
    ] {
        assert!(parse_toml(beyond).is_err(), "{beyond}");
    }
}
