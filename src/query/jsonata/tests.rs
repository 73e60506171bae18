//! Tests of whole expressions.

use super::*;

fn environment() -> Environment {
    Environment::new(1_521_627_330_123, Entropy::new(42))
}

fn evaluate(text: &str) -> Result<Outcome, JsonataError> {
    evaluate_in(text, environment())
}

fn evaluate_in(text: &str, mut environment: Environment) -> Result<Outcome, JsonataError> {
    let input = Value::parse(INPUT).unwrap();
    Expression::parse(text)?.evaluate_with_input(&input, &Bindings::new(), &mut environment)
}

const INPUT: &str = r#"{
    "id": 7,
    "name": {"first": "Ada", "last": "Lovelace"},
    "orders": [
        {"id": 3, "price": 1.5, "tags": ["p", "q"], "lines": [{"sku": "a", "n": 2}]},
        {"id": 1, "price": 10, "tags": [], "lines": [{"sku": "b", "n": 1}, {"sku": "c", "n": 5}]},
        {"id": 2, "price": 2.25, "tags": ["q"], "lines": []}
    ],
    "nested": [[1, 2], [3, [4]]],
    "10": "ten", "9": "nine",
    "text": "The quick brown fox",
    "nothing": null
}"#;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = match evaluate(text) {
            Ok(Outcome::Undefined) => "undefined".to_owned(),
            Ok(Outcome::Function) => "function".to_owned(),
            Ok(Outcome::Value(value)) => value.to_json(),
            Err(error) => format!("{error} @{:?}", error.position),
        };
        assert_eq!(found, *expected, "{text}");
    }
}

#[track_caller]
fn refused(cases: &[(&str, &str, Option<usize>, &str)]) {
    for (text, code, position, message) in cases {
        let error = evaluate(text).expect_err(text);
        let found = (error.code, error.position, error.message.as_str());
        assert_eq!(found, (*code, *position, *message), "{text}");
    }
}

#[test]
fn paths_flatten_and_singletons_stand_for_themselves() {
    check(&[
        ("name.first", r#""Ada""#),
        ("name.middle", "undefined"),
        ("orders.id", "[3,1,2]"),
        ("orders.lines.sku", r#"["a","b","c"]"#),
        ("orders[id=1].price", "10"),
        ("orders[id=1].price[]", "[10]"),
        ("orders[-1].id", "2"),
        ("orders.tags[0]", r#"["p","q"]"#),
        ("(orders.tags)[0]", r#""p""#),
        ("orders[price > 2].id", "[1,2]"),
        ("orders[[0,2]].id", "[3,2]"),
        ("nested[1]", "[3,[4]]"),
        ("nested.$", "[1,2,3,[4]]"),
        ("[nested]", "[[1,2],[3,[4]]]"),
        ("orders.[id]", "[[3],[1],[2]]"),
        ("orders.(id & '')", r#"["3","1","2"]"#),
        ("name.*", r#"["Ada","Lovelace"]"#),
        ("$count(**)", "34"),
        ("`10` & `9`", r#""tennine""#),
        ("'id'", r#""id""#),
        ("$.id", "7"),
        ("$$.id", "7"),
        ("nothing", "null"),
    ]);
}

#[test]
fn streams_of_bindings_carry_context() {
    check(&[
        ("orders@$o.lines.{'o': $o.id, 's': sku}", "undefined"),
        ("orders.lines.{'o': %.id, 's': sku}[0]", r#"{"o":3,"s":"a"}"#),
        ("orders#$i.lines.($i & sku)", r#"["0a","1b","1c"]"#),
        ("orders^(price).id", "[3,2,1]"),
        ("orders^(>price).id", "[1,2,3]"),
        ("orders{tags[0]: $sum(price)}", r#"{"p":1.5,"q":2.25}"#),
        ("orders.lines{sku: n}", r#"{"a":2,"b":1,"c":5}"#),
        ("orders.%.id", "[7,7,7]"),
    ]);
}

#[test]
fn operators_follow_the_reference() {
    check(&[
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("-5 % 3", "-2"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("'a' & 1 & true & null & [1] & missing", r#""a1truenull[1]""#),
        ("[1,2] = [1,2]", "true"),
        ("{'a':1,'b':2} = {'b':2,'a':1}", "true"),
        ("missing = 1", "false"),
        ("missing != 1", "false"),
        ("'b' > 'a' and 2 <= 2", "true"),
        ("missing < 1", "undefined"),
        ("1 in [1,2] and not_there in [1]", "false"),
        ("[1..3]", "[1,2,3]"),
        ("[3..1]", "[]"),
        ("[0, 2..4]", "[0,2,3,4]"),
        ("id > 5 ? 'big' : 'small'", r#""big""#),
        ("id < 5 ? 'small'", "undefined"),
        ("($x := 2; $y := $x + 1; $x * $y)", "6"),
        ("1 / 0", r#""Infinity""#),
        ("{'a': missing, 'b': 1}", r#"{"b":1}"#),
        ("{'b': 1, '1': 2}", r#"{"1":2,"b":1}"#),
        ("name ~> |$|{'first': 'A'}, 'last'|", r#"{"first":"A"}"#),
        (
            "$ ~> |orders|{'price': price * 2}| ~> $lookup('orders') ~> $lookup('price')",
            "[3,20,4.5]",
        ),
    ]);
}

#[test]
fn functions_are_values() {
    check(&[
        ("function($x){$x}", "function"),
        ("$sum", "function"),
        ("/a/", "function"),
        ("$string($sum)", r#""""#),
        ("[$sum]", r#"[""]"#),
        ("$map([1,2,3], function($v, $i, $a){$v * $i + $count($a)})", "[3,5,9]"),
        ("$filter([1,2,3,4], function($v){$v % 2 = 0})", "[2,4]"),
        ("$reduce([1..5], function($a, $b){$a * $b})", "120"),
        ("$reduce([1..3], function($a, $b){$a + $b}, 10)", "16"),
        ("$sort(orders, function($l, $r){$l.id > $r.id}).id", "[1,2,3]"),
        ("$single(orders, function($o){$o.id = 2}).price", "2.25"),
        ("$sift(name, function($v, $k){$k = 'last'})", r#"{"last":"Lovelace"}"#),
        ("$each(name, function($v, $k){$k & '=' & $v})", r#"["first=Ada","last=Lovelace"]"#),
        ("($first := $substring(?, 0, 3); $first('abcdef'))", r#""abc""#),
        ("($up := $trim ~> $uppercase; $up('  a b '))", r#""A B""#),
        ("'a' ~> $uppercase() ~> $append('b')", r#"["A","b"]"#),
        ("function($s, $n)<s-n:s>{$s & $n}('a', 1)", r#""a1""#),
        ("($f := function($n){$n < 2 ? 1 : $n * $f($n - 1)}; $f(20))", "2432902008176640000"),
        ("($f := function($n, $s){$n = 0 ? $s : $f($n - 1, $s + $n)}; $f(5000, 0))", "12502500"),
    ]);
}

#[test]
fn strings_and_patterns() {
    check(&[
        ("$substring('héllo😀', -2)", r#""o😀""#),
        ("$length('héllo😀')", "6"),
        ("$pad('x', -3, '#') & $pad('x', 3, 'ab')", r###""##xxab""###),
        ("$match('ababbxabbcc', /a(b+)/).groups", r#"["b","bb","bb"]"#),
        ("$match('é😀x', /x/).index", "3"),
        ("$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1')", r#""Smith, John""#),
        ("$replace('265USD', /([0-9]+)USD/, '$$$1')", r#""$265""#),
        (
            "$replace('temp 68F', /(\\d+)F/, function($m){$string($number($m.groups[0]) - 32) & 'C'})",
            r#""temp 36C""#,
        ),
        ("$split('a, b,c', /,\\s*/)", r#"["a","b","c"]"#),
        ("$split('a-b-c', '-', 2)", r#"["a","b"]"#),
        ("$contains(text, /QUICK/i)", "true"),
        ("$contains('foobar', /foo(?=bar)/) and $contains('aa', /(a)\\1/)", "true"),
        ("$base64decode($base64encode('Hi!'))", r#""Hi!""#),
        ("$encodeUrlComponent('a b&é')", r#""a%20b%26%C3%A9""#),
        ("$decodeUrl('a%20b%26%C3%A9')", r#""a b%26é""#),
        (
            "$string({'a': 1/3, 'b': [1e21, 1e-7]})",
            r#""{\"a\":0.333333333333333,\"b\":[1e+21,1e-7]}""#,
        ),
        ("$string([1], true)", r#""[\n  1\n]""#),
        ("$lowercase('ÀÉ') & $uppercase('ß')", r#""àéSS""#),
    ]);
}

#[test]
fn numbers_and_times() {
    check(&[
        ("$number('0x1F') + $number('-1.5e2') + $number(true)", "-118"),
        ("$round(2.5) & $round(3.5) & $round(-1.005, 2) & $round(125, -1)", r#""24-1120""#),
        ("$formatNumber(12345.6, '#,###.00')", r#""12,345.60""#),
        ("$formatNumber(0.14, '01%')", r#""14%""#),
        ("$formatNumber(1234.5678, '00.000e0')", r#""12.346e2""#),
        ("$formatBase(255, 16) & $formatBase(-5, 2)", r#""ff-101""#),
        ("$formatInteger(1999, 'I') & $formatInteger(28, 'a')", r#""MCMXCIXab""#),
        ("$formatInteger(123, 'w')", r#""one hundred and twenty-three""#),
        ("$formatInteger(21, '1;o') & $formatInteger(1234567, '#,##0')", r#""21st1,234,567""#),
        ("$parseInteger('twelve thousand, four hundred and seventy-six', 'w')", "12476"),
        ("$parseInteger('MCMLXXXIV', 'I')", "1984"),
        ("$now()", r#""2018-03-21T10:15:30.123Z""#),
        ("$millis()", "1521627330123"),
        (
            "$fromMillis(1521801216617, '[D1o] [MNn] [Y0001] [h]:[m01] [P]')",
            r#""23rd March 2018 10:33 am""#,
        ),
        ("$fromMillis(1521801216617, '[FNn,*-3] W[W01]', '+0200')", r#""Fri W12""#),
        ("$toMillis('2018-03-21T10:15:30.123+0100')", "1521623730123"),
        ("$toMillis('23/03/2018 14:05', '[D01]/[M01]/[Y0001] [H01]:[m01]')", "1521813900000"),
        ("$toMillis('12:30', '[H01]:[m01]')", "1521635400000"),
        ("$toMillis('no date', '[Y]-[M]')", "undefined"),
    ]);
}

#[test]
fn arrays_and_objects() {
    check(&[
        ("$sum(orders.price) & $max([1,3,2]) & $average([1,2])", r#""13.7531.5""#),
        ("$keys(orders)", r#"["id","price","tags","lines"]"#),
        ("$keys($)[0]", r#""9""#),
        ("$merge([{'a':1},{'b':2,'a':3}])", r#"{"a":3,"b":2}"#),
        ("$spread(name)", r#"[{"first":"Ada"},{"last":"Lovelace"}]"#),
        ("$zip([1,2],[3,4,5])", "[[1,3],[2,4]]"),
        ("$distinct([1,2,1,'1',{'a':1},{'a':1}])", r#"[1,2,"1",{"a":1}]"#),
        ("$reverse([1,2,3])", "[3,2,1]"),
        ("$append([1],[2]) = $append(1,2)", "true"),
        ("$type(null) & $type([]) & $type($sum) & $type(1)", r#""nullarrayfunctionnumber""#),
        ("$exists(missing) or $boolean([0])", "false"),
        ("$not([])", "true"),
        ("$lookup(orders, 'id')", "[3,1,2]"),
        ("$clone(name).last", r#""Lovelace""#),
    ]);
}

#[test]
fn functions_of_step_functions() {
    check(&[
        ("$partition([1,2,3,4,5], 2)", "[[1,2],[3,4],[5]]"),
        ("$range(0, 9, 3)", "[0,3,6,9]"),
        ("$range(1, 9, 9)", "1"),
        ("$hash('abc', 'MD5')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("$hash('abc', 'SHA-1')", r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
        ("$random(42)", "0.7275636800328681"),
        ("$random()", "0.7275636800328681"),
        ("$length($uuid())", "36"),
        ("$parse('{\"a\":[1]}').a", "[1]"),
        ("$parse('{\"a\":1,\"b\":2,\"a\":3}')", r#"{"a":3,"b":2}"#),
        ("$count($shuffle([1..10]))", "10"),
    ]);
    assert!(evaluate("$eval('1')").is_err());
    assert!(evaluate("$parse('{')").is_err());
    assert!(evaluate("$hash('a', 'SHA-3')").is_err());
}

#[test]
fn errors_are_placed_and_worded_like_the_reference() {
    refused(&[
        ("", "S0207", Some(0), "Unexpected end of expression"),
        ("1 +", "S0207", Some(3), "Unexpected end of expression"),
        ("(1", "S0203", Some(2), "Expected \")\" before end of expression"),
        ("[1 2]", "S0202", Some(4), "Expected \"]\", got 2"),
        ("1 2", "S0201", Some(3), "Syntax error: 2"),
        ("a ?? b", "S0211", Some(4), "The symbol \"?\" cannot be used as a unary operator"),
        ("a ! b", "S0204", Some(3), "Unknown operator: \"!\""),
        ("'abc", "S0101", Some(4), "String literal must be terminated by a matching quote"),
        ("'\\q'", "S0103", Some(2), "Unsupported escape sequence: \\\"q\""),
        ("1e999", "S0102", Some(0), "Number out of range: \"1e999\""),
        ("/a", "S0302", Some(2), "No terminating / in regular expression"),
        ("/* x", "S0106", Some(0), "Comment has no closing tag"),
        (
            "function(a){1}",
            "S0208",
            Some(10),
            "Parameter 1 of function definition must be a variable name (start with $)",
        ),
        (
            "%",
            "S0217",
            None,
            "The object representing the 'parent' cannot be derived from this expression",
        ),
        (
            "1 + 'a'",
            "T2002",
            Some(3),
            "The right side of the \"+\" operator must evaluate to a number",
        ),
        (
            "1 < 'a'",
            "T2009",
            Some(3),
            "The values 1 and \"a\" either side of operator \"<\" must be of the same data type",
        ),
        ("$nope(1)", "T1006", Some(6), "Attempted to invoke a non-function"),
        ("sum(1)", "T1005", Some(4), "Attempted to invoke a non-function. Did you mean $sum?"),
        (
            "$sum('a')",
            "T0412",
            Some(5),
            "Argument 1 of function \"sum\" must be an array of \"numbers\"",
        ),
        (
            "$substring(1)",
            "T0411",
            Some(11),
            "Context value is not a compatible type with argument 1 of function \"substring\"",
        ),
        ("$number('x')", "D3030", Some(8), "Unable to cast value to a number: \"x\""),
        (
            "$string(1/0)",
            "D3001",
            Some(8),
            "Attempting to invoke string function on Infinity or NaN",
        ),
        ("1/0 + 1", "D1001", Some(5), "Number out of range: null"),
        ("{'a':1,'a':2}", "D1009", Some(1), "Multiple key definitions evaluate to same key: \"a\""),
        ("$error('oops')", "D3137", Some(7), "oops"),
        ("$assert(false)", "D3141", Some(8), "$assert() statement failed"),
        (
            "[1..20000000]",
            "D2014",
            Some(4),
            "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate 20000000.",
        ),
        (
            "$toMillis('x')",
            "D3110",
            Some(10),
            "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given \"x\"",
        ),
        (
            "'😀' + 1",
            "T2001",
            Some(6),
            "The left side of the \"+\" operator must evaluate to a number",
        ),
    ]);
}

#[test]
fn hostile_expressions_end_in_errors() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let texts = [
        deep("(", ")"),
        deep("[", "]"),
        deep("{'a':", "}"),
        deep("-", ""),
        deep("$f(", ")"),
        deep("function(){", "}"),
        deep("1+(", ")"),
        deep("a[", "]"),
        deep("1 ? 2 : ", ""),
        format!("1{}", "+1".repeat(20_000)),
        format!("a{}", ".b".repeat(20_000)),
        format!("a{}", "[0]".repeat(20_000)),
        format!("$f{}", "()".repeat(20_000)),
        "($f := function(){$f()}; $f())".into(),
        "($f := function(){1 + $f()}; $f())".into(),
        "($f := function($n){($x := [{'a': $n.b.c[0]}]; $map([1], function($v){[$f($v)]}))}; $f(1))".into(),
        "($f := function($x){$map([1], $f)}; $f(1))".into(),
        "($f := function($x){$f([$x])}; $f(1))".into(),
        "($f := function($x){$f({'a': $x})}; $f(1))".into(),
        "($f := function($x){$f([$x, $x])}; $f(1))".into(),
        "($f := function($x){$f({'a': $x, 'b': $x})}; $f(1))".into(),
        "($f := function($x){$f($x & $x)}; $f('a'))".into(),
        "($f := function($g){$f(function(){$g()})}; $f(1))".into(),
        "($f := function($g){$f($substring(?, $g))}; $f(1))".into(),
        "($id := function($x){$x}; $reduce([1..100000], function($a, $b){$id($a)}, $sum))".into(),
        "$map([1..800000], function($a){$map([1..800000], function($b){$a})})".into(),
        "$pad('a', 1e9)".into(),
        "$pad('a', 1e300)".into(),
        "[1..1e7]".into(),
        "$formatNumber(0, '0e0')".into(),
        "$formatNumber(1, $pad('0', 100000, ',#'))".into(),
        "$formatInteger(1, $pad('0', 100000, ',#'))".into(),
        "$fromMillis(1, '[Y,1000000000]')".into(),
        "$contains($pad('', 100000, 'a'), /(a*)*b/)".into(),
        format!("/{}/", "(?<a".repeat(20_000)),
        format!("/{}/", "{".repeat(100_000)),
        "$formatInteger(1e300, 'I')".into(),
        "$range(0, 1e300, 1)".into(),
        "$range(1, 360146, 1)".into(),
        "[1..2000].([1..2000])".into(),
        "$join($map([1..8000], function(){text}), $pad('', 1000))".into(),
    ];
    for text in texts {
        let shown = &text[..text.len().min(240)];
        let mut environment = environment();
        environment.limits.steps = 200_000;
        assert!(evaluate_in(&text, environment).is_err(), "{shown}");
    }
}

/// Not only how many expressions there are counts.
#[test]
fn work_on_large_values_counts() {
    let over = |work: &str| {
        let values = "$s := $pad('x', 200000); $t := $pad('x', 200000); $l := [1..20000]; \
                      $m := [1..20000]; $n := [[1..20000]]; $j := $parse($string($l)); \
                      $k := $parse($string($l)); $o := $merge([1..500].{$string($): $})";
        let text = format!("({values}; $reduce([1..10000], function($a, $v){{[{work}][2]}}, 0))");
        let mut environment = environment();
        environment.limits.steps = 400_000;
        evaluate_in(&text, environment)
    };
    assert_eq!(over("1").map_err(|error| error.to_string()), Ok(Outcome::Undefined));
    for work in [
        "$length($s)",
        "$contains($s, 'y')",
        "$uppercase($s)",
        "$s = $t",
        "$s < $t",
        "-1 in $l",
        "$l = $m",
        "$hash($s, 'MD5')",
        "$base64encode($s)",
        "$substringBefore($s, 'y')",
        "$match($s, /^x/, 1)",
        "$j = $k",
        "$l and false",
        "$not($n)",
        "$n.a",
        "$l[$l]",
        "$map($l, $exists)",
        "$keys($o)",
        "$keys([$o, $o])",
    ] {
        assert_eq!(over(work).expect_err(work).code, "U1001", "{work}");
    }
    for text in [
        "$count($distinct([1..1000].{'a': [1..5000], 'b': $}))",
        "($l := [1..10000]; $count($distinct([1..2000].{'b': [$l, $], 'a': [1..100]})))",
    ] {
        let mut environment = environment();
        environment.limits.steps = 1_000_000;
        assert_eq!(evaluate_in(text, environment).expect_err(text).code, "U1001", "{text}");
    }
}

#[test]
fn large_but_honest_work_is_done() {
    check(&[
        ("$count([1..873782])", "873782"),
        ("$sum($map([1..10000], function($v){$v * 2}))", "100010000"),
        ("$count([1..20000].{'a': $})", "20000"),
        ("$length($replace($pad('', 60000, 'word '), /\\s+/, '  '))", "72000"),
        ("$length($replace($pad('', 50000, 'a'), /a/, 'bb'))", "100000"),
        ("$count($range(1, 360145, 1))", "360145"),
        ("($l := [1..10000]; $count($distinct([1..200].{'a': $l, 'b': $})))", "200"),
        (
            "$count($distinct($parse($string([1..1500].{'id': $, 'name': $pad('', 140, 'x')}))))",
            "1500",
        ),
        ("($f := function($n){$n = 0 ? 1 : $n * $f($n - 1)}; $f(99) > 9e155)", "true"),
    ]);
    let chain = format!("1{}", "+1".repeat(900));
    check(&[(&chain, "901")]);
}

#[test]
fn deep_input_is_walked() {
    let mut deep = Value::from(1);
    for _ in 0..990 {
        deep = Value::array([deep]);
    }
    let bindings = Bindings::from_iter([("x", deep)]);
    for text in
        ["$count($x.**)", "$length($string($x))", "$x = $x", "$x.a", "$keys($x)", "$x.*", "[$x]"]
    {
        let expression = Expression::parse(text).unwrap();
        assert!(expression.evaluate(&bindings, &mut environment()).is_ok(), "{text}");
    }
    let clone = Expression::parse("$clone($x)").unwrap();
    assert!(clone.evaluate(&bindings, &mut environment()).is_err());
}

#[test]
fn bindings_shadow_functions_and_are_shared() {
    let states = Value::parse(r#"{"input": {"items": [1, 2, 3]}}"#).unwrap();
    let bindings = Bindings::from_iter([("states", states.clone()), ("sum", Value::from(5))]);
    let evaluate = |text: &str| {
        Expression::parse(text).unwrap().evaluate(&bindings, &mut environment()).unwrap()
    };
    let Outcome::Value(input) = evaluate("$states.input") else { panic!() };
    assert!(input.same(states.get("input").unwrap()));
    let Outcome::Value(items) = evaluate("$states.input.items") else { panic!() };
    assert!(items.same(states.get("input").unwrap().get("items").unwrap()));
    assert_eq!(evaluate("$sum"), Outcome::Value(5.into()));
    assert_eq!(evaluate("$"), Outcome::Undefined);
    assert_eq!(evaluate("a.b"), Outcome::Undefined);
}

#[test]
fn the_same_environment_gives_the_same_values() {
    let expression =
        Expression::parse("[$random(), $uuid(), $shuffle([1..5]), $random()]").unwrap();
    let mut first = environment();
    let value = expression.evaluate(&Bindings::new(), &mut first).unwrap();
    assert_eq!(value, expression.evaluate(&Bindings::new(), &mut environment()).unwrap());
    assert_ne!(value, expression.evaluate(&Bindings::new(), &mut first).unwrap());
}

#[test]
fn references_are_found() {
    let expression = Expression::parse(
        "($y := $x; a.b & $$.c & $states.input.d & $states.`result`[0] & $states & $eval('1')
          & $map($xs, function($v){ $v.name & $y & e }) & $states.input.(f & g) & $sum)",
    );
    let expression = expression.unwrap();
    let found = expression.references();
    let names = |list: &[Reference]| list.iter().map(|r| r.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&found.names), ["a", "e"]);
    assert_eq!(found.names[0].position, 12);
    assert_eq!(names(&found.roots), ["$"]);
    assert_eq!(names(&found.states), ["input", "result", "", "input"]);
    assert_eq!(names(&found.evals), ["eval"]);
    assert_eq!(names(&found.variables), ["x", "xs"]);
}

#[test]
fn expressions_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Expression>();
    shareable::<JsonataError>();
    shareable::<Bindings>();
}

/// Partial applications go past the checks of signatures, and what the reference's host makes of
/// the wrong types shows. Answers of version 2.0.6, run.
#[test]
fn partial_applications_take_any_type() {
    check(&[
        ("($f := $filter(?, function($v) {$v}); $count($f({\"a\": 1})))", "0"),
        ("($f := $map(?, $string); $f(7))", "undefined"),
        ("($f := $filter(?, function($v) {$v = \"b\"}); $f(\"ab\"))", r#""b""#),
        ("($f := $floor(?); $f([\"2.5\"]))", "2"),
        ("($f := $abs(?); $f(\"x\"))", r#""NaN""#),
        ("($f := $min(?); $f([1, null]))", "0"),
        ("($f := $encodeUrl(?, 1); $f([1, null, \"a b\"]))", r#""1,,a%20b""#),
        ("($f := $sort(?, function($a, $b) {$a > $b}); $f(5))", "5"),
    ]);
    refused(&[(
        "($f := $reduce(?, $string); $f(5))",
        "D3050",
        Some(31),
        "The second argument of reduce function must be a function with at least two arguments",
    )]);
}

#[test]
fn answers_found_by_running_the_reference_beside() {
    check(&[
        ("([{\"a\": 1}])^(a)", r#"{"a":1}"#),
        ("[{\"a\": 1}]^(a)", r#"{"a":1}"#),
        ("$formatBase(18014398509481984, 3)", r#""10020111100200200022122200101210001""#),
        ("$formatBase(12345678901234567890, 5)", r#""1312030340311104212022130000""#),
        ("$split(\"a-b\", \"-\", 4294967297)", r#"["a"]"#),
        ("$parseInteger(\"0x1f\", \"0\")", "31"),
    ]);
}
