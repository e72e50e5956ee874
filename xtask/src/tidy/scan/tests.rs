use super::{Declaration, functions, mask, modules, places};

#[test]
fn comments_and_literals_are_hidden_and_lines_kept() {
    let source = "a(\"x { \\\" y\"); // fn c\nb('{', '\\'', 'é'); /* fn /* d */ { */ r#\"fn \" e\"#; fn f<'a>(x: &'a str) {}\n";
    let masked = mask(source);
    assert_eq!(masked.len(), source.len());
    assert_eq!(masked.matches('\n').count(), source.matches('\n').count());
    assert_eq!(places(&masked, "fn").count(), 1);
    assert_eq!(masked.matches('{').count(), 1);
    assert!(masked.contains("fn f<'a>(x: &'a str) {}"), "{masked}");
}

#[test]
fn prefixed_strings_are_literals_and_raw_names_are_code() {
    let masked = mask("br\"{\"; b\"{\"; c\"{\"; cr#\"{\"#; let r#fn = for_r; var\"{\"");
    assert!(!masked.contains('{'), "{masked}");
    assert!(masked.contains("let r#fn = for_r"), "{masked}");
}

#[test]
fn functions_are_measured_from_their_name_to_their_closing_brace() {
    let source = "fn one() {}\ntrait T { fn none(&self, x: [u8; 3]); fn two(&self) {\n if a { b }\n} }\n\
                  const F: fn(u8) -> u8 = f;\nfn three(\n  x: [u8; 2],\n) {\n}\n";
    let found: Vec<(String, usize, usize)> = functions(&mask(source))
        .into_iter()
        .map(|function| (function.name, function.line, function.lines))
        .collect();
    assert_eq!(
        found,
        [
            ("one".into(), 1, 1),
            ("two".into(), 2, 3),
            ("three".into(), 6, 4)
        ]
    );
}

#[test]
fn declarations_know_the_modules_around_them() {
    let source =
        "mod a;\n#[path = \"x/y.rs\"]\nmod b;\nmod c { fn f() { g(); } pub mod d; }\nmod e;";
    let declared = modules(source, &mask(source));
    let expect = |inside: &[&str], name: &str, path: Option<&str>| Declaration {
        inside: inside.iter().map(|&name| name.to_owned()).collect(),
        name: name.to_owned(),
        path: path.map(str::to_owned),
    };
    let all = [
        expect(&[], "a", None),
        expect(&[], "b", Some("x/y.rs")),
        expect(&["c"], "d", None),
        expect(&[], "e", None),
    ];
    assert_eq!(declared, all);
}
