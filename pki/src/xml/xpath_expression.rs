//! The forms of XPath expressions that `xpath` knows, read from their text: tests of names, attributes and identifiers, joined by `and`, `or`, `not`
//! and brackets. Anything else is refused as a whole; how many tests there are and how deep they nest is bounded.

use super::document::{Document, NodeId};
use super::limits;
use super::xpath::{Condition, Name, Nodes, Position, Step, Test};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    /// A name with or without prefix, `x:*` too.
    Name(&'t str),
    Literal(&'t str),
    Number(&'t str),
    Symbol(&'static str),
}

/// An expression being read.
pub(super) struct Expression<'e, 'd> {
    document: &'e Document<'d>,
    /// Where it stands: its prefixes are bound there.
    element: NodeId,
    tokens: Vec<Token<'e>>,
    at: usize,
    tests: usize,
}

impl<'e, 'd> Expression<'e, 'd> {
    /// Takes the text apart; `None` where it has other tokens than are known.
    pub(super) fn read(document: &'e Document<'d>, element: NodeId, text: &'e str) -> Option<Self> {
        Some(Self { document, element, tokens: tokens(text)?, at: 0, tests: 0 })
    }

    /// The expression as a condition on each node (XMLDSig §6.6.3): the nodes that meet it.
    pub(super) fn boolean(mut self) -> Option<Nodes> {
        let nodes = self.any_of(0)?;
        self.is_at_end().then_some(nodes)
    }

    /// The expression as a set of nodes (XPath Filter 2.0 §3.4).
    pub(super) fn node_set(mut self) -> Option<Nodes> {
        let nodes = self.union_of_paths(0)?;
        self.is_at_end().then_some(nodes)
    }

    fn is_at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn peek(&self) -> Option<Token<'e>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'e>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Takes these tokens where they come next, all or none.
    fn takes(&mut self, wanted: &[Token<'static>]) -> bool {
        let follows = self.tokens.get(self.at..).is_some_and(|rest| rest.starts_with(wanted));
        if follows {
            self.at += wanted.len();
        }
        follows
    }

    fn symbol(&mut self, symbol: &'static str) -> Option<()> {
        self.takes(&[Token::Symbol(symbol)]).then_some(())
    }

    fn any_of(&mut self, depth: usize) -> Option<Nodes> {
        let mut sets = vec![self.all_of(depth)?];
        while self.takes(&[Token::Name("or")]) {
            sets.push(self.all_of(depth)?);
        }
        if sets.len() == 1 { sets.pop() } else { Some(Nodes::AnyOf(sets)) }
    }

    fn all_of(&mut self, depth: usize) -> Option<Nodes> {
        let mut sets = vec![self.condition(depth)?];
        while self.takes(&[Token::Name("and")]) {
            sets.push(self.condition(depth)?);
        }
        if sets.len() == 1 { sets.pop() } else { Some(Nodes::AllOf(sets)) }
    }

    fn condition(&mut self, depth: usize) -> Option<Nodes> {
        self.count()?;
        if depth >= limits::PATH_STEPS {
            return None;
        }
        if self.takes(&[Token::Name("not"), OPEN]) {
            let inner = self.any_of(depth + 1)?;
            self.symbol(")")?;
            return Some(Nodes::Not(Box::new(inner)));
        }
        if self.takes(&[Token::Name("boolean"), OPEN]) || self.takes(&[OPEN]) {
            let inner = self.any_of(depth + 1)?;
            return self.symbol(")").map(|()| inner);
        }
        let of_every_node: [&[Token<'static>]; 2] = [
            &[Token::Name("true"), OPEN, CLOSE],
            &[Token::Name("self"), Token::Symbol("::"), Token::Name("node"), OPEN, CLOSE],
        ];
        if of_every_node.iter().any(|tokens| self.takes(tokens)) {
            return Some(Nodes::All);
        }
        if self.takes(&[Token::Name("count"), OPEN]) {
            return self.none_of_a_count();
        }
        // Where there is any, there is a first one and a last one.
        self.ancestor().map(|(test, _)| Nodes::Within(test))
    }

    /// `ancestor-or-self::` with its test.
    fn ancestor(&mut self) -> Option<(Test, Option<Position>)> {
        self.takes(&[Token::Name("ancestor-or-self"), Token::Symbol("::")]).then_some(())?;
        self.test()
    }

    /// Behind `count(`: that there are none, or XMLDSig §6.6.4, which writes the enveloped transform as a count that the own signature makes
    /// larger.
    fn none_of_a_count(&mut self) -> Option<Nodes> {
        let (counted, position) = self.ancestor()?;
        if self.takes(&[CLOSE, Token::Symbol("="), Token::Number("0")]) {
            return Some(Nodes::Not(Box::new(Nodes::Within(counted))));
        }
        self.symbol("|")?;
        self.own_signature()?;
        let more = [CLOSE, Token::Symbol(">"), Token::Name("count"), OPEN];
        let (again, other) = self.takes(&more).then(|| self.ancestor()).flatten()?;
        self.symbol(")")?;
        let plain = counted.is_signature() && again.is_signature() && position.is_none() && other.is_none();
        plain.then(|| Nodes::Not(Box::new(Nodes::OwnSignature)))
    }

    /// `here()/ancestor::ds:Signature[1]`.
    fn own_signature(&mut self) -> Option<()> {
        let here = [Token::Name("here"), OPEN, CLOSE, Token::Symbol("/"), Token::Name("ancestor"), Token::Symbol("::")];
        self.takes(&here).then_some(())?;
        let (test, position) = self.test()?;
        (position == Some(Position::First) && test.is_signature()).then_some(())
    }

    fn union_of_paths(&mut self, depth: usize) -> Option<Nodes> {
        let mut sets = vec![self.path(depth)?];
        while self.symbol("|").is_some() {
            sets.push(self.path(depth)?);
        }
        if sets.len() == 1 { sets.pop() } else { Some(Nodes::AnyOf(sets)) }
    }

    fn path(&mut self, depth: usize) -> Option<Nodes> {
        self.count()?;
        if depth < limits::PATH_STEPS && self.takes(&[OPEN]) {
            let inner = self.union_of_paths(depth + 1)?;
            return self.symbol(")").map(|()| inner);
        }
        if self.takes(&[Token::Name("id"), OPEN]) {
            let Some(Token::Literal(identifier)) = self.next() else { return None };
            return self.symbol(")").map(|()| Nodes::Identified(identifier.to_owned()));
        }
        if self.peek() == Some(Token::Name("here")) {
            return self.own_signature().map(|()| Nodes::OwnSignature);
        }
        let mut steps = Vec::new();
        loop {
            let from_anywhere = self.symbol("//").is_some();
            if !from_anywhere && self.symbol("/").is_none() {
                break;
            }
            if steps.is_empty() && !from_anywhere && matches!(self.peek(), None | Some(Token::Symbol("|" | ")"))) {
                return Some(Nodes::Path(steps));
            }
            let below = self.takes(&[Token::Name("descendant"), Token::Symbol("::")]);
            self.takes(&[Token::Name("child"), Token::Symbol("::")]);
            let (test, position) = self.test()?;
            // The position is then one among all below, not among those with the same parent.
            if below && position.is_some() {
                return None;
            }
            steps.push(Step { descendants: from_anywhere || below, test, position });
        }
        (!steps.is_empty() && steps.len() <= limits::PATH_STEPS).then_some(Nodes::Path(steps))
    }

    /// A name and what is asked of it in brackets; a position comes last.
    fn test(&mut self) -> Option<(Test, Option<Position>)> {
        self.count()?;
        let name = match self.next()? {
            Token::Symbol("*") => Name { namespace: None, local: None },
            Token::Name(text) => self.name(text)?,
            _ => return None,
        };
        let mut test = Test { name, conditions: Vec::new() };
        while self.symbol("[").is_some() {
            let position = match self.peek() {
                Some(Token::Number("1")) => self.next().map(|_| Position::First),
                Some(Token::Name("last")) => self.takes(&[Token::Name("last"), OPEN, CLOSE]).then_some(Position::Last),
                _ => None,
            };
            if position.is_some() {
                self.symbol("]")?;
                return Some((test, position));
            }
            test.conditions.push(self.asked()?);
            while self.takes(&[Token::Name("and")]) {
                test.conditions.push(self.asked()?);
            }
            self.symbol("]")?;
        }
        Some((test, None))
    }

    fn asked(&mut self) -> Option<Condition> {
        self.count()?;
        let asks: fn(String) -> Condition = if self.takes(&[Token::Name("local-name"), OPEN, CLOSE]) {
            Condition::LocalName
        } else if self.takes(&[Token::Name("namespace-uri"), OPEN, CLOSE]) {
            Condition::Namespace
        } else {
            self.symbol("@")?;
            // An attribute with a prefix is in a namespace, and no identifier of a signature.
            let Some(Token::Name(name)) =
                self.next().filter(|token| !matches!(token, Token::Name(name) if name.contains(':')))
            else {
                return None;
            };
            let value = self.equals()?;
            return Some(Condition::Attribute(name.to_owned(), value));
        };
        self.equals().map(asks)
    }

    fn equals(&mut self) -> Option<String> {
        self.symbol("=")?;
        match self.next()? {
            Token::Literal(value) => Some(value.to_owned()),
            _ => None,
        }
    }

    fn name(&self, text: &str) -> Option<Name> {
        let Some((prefix, local)) = text.split_once(':') else {
            // XPath §2.3: a name without prefix is in no namespace.
            return Some(Name { namespace: Some(String::new()), local: Some(text.to_owned()) });
        };
        let namespace = Some(self.document.namespace_of_prefix(self.element, prefix)?.to_owned());
        Some(Name { namespace, local: (local != "*").then(|| local.to_owned()) })
    }

    /// Counts a test; `None` where there are too many.
    fn count(&mut self) -> Option<()> {
        self.tests += 1;
        (self.tests <= 4 * limits::PATH_STEPS).then_some(())
    }
}

const OPEN: Token<'static> = Token::Symbol("(");
const CLOSE: Token<'static> = Token::Symbol(")");
/// The longer of two that begin alike first.
const SYMBOLS: [&str; 13] = ["::", "//", "/", "(", ")", "[", "]", "|", "=", ">", "@", "*", ","];

fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(SPACES);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let (inside, _) = rest.get(1..)?.split_once(first)?;
                tokens.push(Token::Literal(inside));
                inside.len() + 2
            }
            '0'..='9' => {
                let length = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
                tokens.push(Token::Number(rest.get(..length)?));
                length
            }
            _ if first.is_alphabetic() || first == '_' => {
                let length = name_length(rest);
                tokens.push(Token::Name(rest.get(..length)?));
                length
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol))?;
                tokens.push(Token::Symbol(symbol));
                symbol.len()
            }
        };
        if tokens.len() > limits::PATH_TOKENS {
            return None;
        }
        rest = rest.get(length..)?.trim_start_matches(SPACES);
    }
    Some(tokens)
}

/// The length of a name, its prefix included.
fn name_length(text: &str) -> usize {
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let length = |text: &str| text.find(|character| !plain(character)).unwrap_or(text.len());
    let first = length(text);
    let Some(local) = text.get(first..).and_then(|rest| rest.strip_prefix(':')) else { return first };
    match local.chars().next() {
        Some('*') => first + 2,
        Some(character) if character.is_alphabetic() || character == '_' => first + 1 + length(local),
        _ => first,
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = r#"<a xmlns:d="http://www.w3.org/2000/09/xmldsig#" xmlns:x="urn:x"/>"#;

    fn is_known(text: &str, boolean: bool) -> bool {
        let document = Document::parse(TEXT).unwrap();
        let Some(expression) = Expression::read(&document, document.document_element(), text) else { return false };
        if boolean { expression.boolean() } else { expression.node_set() }.is_some()
    }

    #[test]
    fn what_is_known_and_what_is_not() {
        for known in [
            "not(ancestor-or-self::d:Signature)",
            " ( not( ancestor-or-self::d:Signature[ @Id = \"s\" ] ) ) ",
            "not(ancestor-or-self::*[local-name()='Signature' and namespace-uri()='urn:x'])",
            "ancestor-or-self::x:* and not(ancestor-or-self::d:Signature) or self::node()",
            "count(ancestor-or-self::d:Signature)=0 and true()",
            "not(boolean(ancestor-or-self::d:Signature[1]))",
            "count(ancestor-or-self::d:Signature | here()/ancestor::d:Signature[1]) > count(ancestor-or-self::d:Signature)",
        ] {
            assert!(is_known(known, true), "{known}");
        }
        for other in [
            "",
            "ancestor-or-self::y:a",
            "not(ancestor-or-self::d:Signature",
            "not(ancestor-or-self::d:Signature))",
            "ancestor-or-self::d:Signature[2]",
            "ancestor-or-self::a[@x:Id='s']",
            "ancestor::a",
            "not(self::a)",
            "self::text()",
            "true() and",
            "count(ancestor-or-self::a)=1",
            "count(ancestor-or-self::a|here()/ancestor::d:Signature[1])>count(ancestor-or-self::a)",
            "ancestor-or-self::a[starts-with(@Id,'s')]",
        ] {
            assert!(!is_known(other, true), "{other}");
        }
        for known in ["/", "//x:a[@Id='s']/b[1]|/a/b[last()]", "(id('s') | //*)", "here()/ancestor::d:Signature[1]"] {
            assert!(is_known(known, false), "{known}");
        }
        for other in ["a", "//", "/a[2]", "/descendant::a[1]", "(//a)[1]", "//a[1][@Id='s']", "id('s')/a", "//@a"] {
            assert!(!is_known(other, false), "{other}");
        }
        assert!(!is_known(&format!("{}true(){}", "(".repeat(99), ")".repeat(99)), true));
        assert!(!is_known(&["true()"; 99].join(" or "), true));
    }
}
