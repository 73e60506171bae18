//! Calling functions: arguments, signatures, tail calls, partial application.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use crate::value::Value;

use super::super::ast::{Kind, Lambda, Node};
use super::super::error::Fault;
use super::super::function::{Body, Function, FunctionKind, Procedure};
use super::super::item::{Env, Evaluated, Frame, Item};
use super::super::signature::Signature;
use super::super::{number, parser, process};
use super::Evaluator;

/// What `f ~> g` makes of two functions.
static CHAIN: LazyLock<Option<Node>> = LazyLock::new(|| {
    let raw = parser::parse("function($f, $g) { function($x){ $g($f($x)) } }").ok()?;
    process::process(raw).ok().map(|(node, _)| node)
});

static TRANSFORM: LazyLock<Option<Signature>> = LazyLock::new(|| Signature::parse("<(oa):o>").ok());

impl<'e> Evaluator<'e> {
    /// A call; `applied` is the left side of `~>`, which becomes the first argument.
    pub(super) fn function(
        &mut self,
        node: &'e Node,
        procedure: &'e Node,
        arguments: &'e [Node],
        input: &Item<'e>,
        env: &Env<'e>,
        applied: Option<Item<'e>>,
    ) -> Evaluated<'e> {
        let proc = self.evaluate(procedure, input, env)?;
        if proc.is_undefined() && self.forgot_dollar(procedure, env)? {
            let mut fault = Fault::new("T1005").at(node.position);
            fault.token = procedure.procedure_name();
            return Err(fault);
        }
        let mut args = Vec::with_capacity(arguments.len() + usize::from(applied.is_some()));
        args.extend(applied);
        for argument in arguments {
            args.push(match self.evaluate(argument, input, env)? {
                Item::Function(inner) => {
                    let arity = inner.arity();
                    Function::item(FunctionKind::Wrapped { inner, arity })?
                }
                other => other,
            });
        }
        let result = match &proc {
            Item::Null => Err(cannot_set(&proc, "token")),
            Item::Function(function) => {
                if function.is_object() {
                    function.call_position.set(Some(node.position));
                    *function.call_token.borrow_mut() = procedure.procedure_name();
                }
                self.apply(&proc, args, input)
            }
            _ => self.apply(&proc, args, input),
        };
        result.map_err(|mut fault| {
            if !fault.has_position() {
                fault.position = Some(node.position);
            }
            if !fault.has_token() {
                fault.token = procedure.procedure_name();
            }
            fault
        })
    }

    /// Whether the name that gave nothing would, with a `$`, be a variable.
    fn forgot_dollar(&mut self, procedure: &'e Node, env: &Env<'e>) -> Result<bool, Box<Fault>> {
        let Kind::Path { steps, .. } = &procedure.kind else { return Ok(false) };
        let Some(Value::String(name)) = steps.first().and_then(Node::token) else {
            return Ok(false);
        };
        let found = self.find(&name, super::super::functions::find(&name), env)?;
        Ok(match found {
            Item::Undefined | Item::Null => false,
            Item::Bool(value) => value,
            Item::Number(value) => value != 0.0 && !value.is_nan(),
            Item::String(text) => !text.is_empty(),
            _ => true,
        })
    }

    /// Calls `proc` and runs the tail calls that it ends in.
    pub fn apply(
        &mut self,
        proc: &Item<'e>,
        args: Vec<Item<'e>>,
        input: &Item<'e>,
    ) -> Evaluated<'e> {
        let mut result = self.apply_once(proc, args, input)?;
        loop {
            let Item::Function(function) = &result else { return Ok(result) };
            let Some(thunk) = function.as_thunk() else { return Ok(result) };
            result = self.tail_call(thunk, input)?;
        }
    }

    fn tail_call(&mut self, thunk: &Procedure<'e>, input: &Item<'e>) -> Evaluated<'e> {
        let Body::Node(Node { kind: Kind::Function { procedure, arguments }, .. }) = &thunk.body
        else {
            return Ok(Item::Undefined);
        };
        let next = self.evaluate(procedure, &thunk.input, &thunk.env)?;
        let is_variable = matches!(procedure.kind, Kind::Variable(..));
        match &next {
            Item::Function(function) => {
                if is_variable {
                    *function.call_token.borrow_mut() = procedure.token();
                }
                let position = (!matches!(procedure.kind, Kind::Path { .. } | Kind::Parent(_)))
                    .then_some(procedure.position);
                function.call_position.set(position);
            }
            Item::Array(_) | Item::Object(_) => {}
            Item::Undefined | Item::Null => {
                return Err(cannot_set(&next, if is_variable { "token" } else { "position" }));
            }
            scalar => {
                let member = if is_variable { "token" } else { "position" };
                return Err(cannot_create(scalar, member));
            }
        }
        let mut args = Vec::with_capacity(arguments.len());
        for argument in arguments {
            args.push(self.evaluate(argument, &thunk.input, &thunk.env)?);
        }
        self.apply_once(&next, args, input)
    }

    fn apply_once(
        &mut self,
        proc: &Item<'e>,
        args: Vec<Item<'e>>,
        input: &Item<'e>,
    ) -> Evaluated<'e> {
        let Item::Function(function) = proc else { return Err(Fault::new("T1006")) };
        self.invoke(function, args, input).map_err(|mut fault| {
            if fault.token.is_none() {
                fault.token.clone_from(&function.call_token.borrow());
            }
            if let Some(position) = function.call_position.get().filter(|at| *at != 0) {
                fault.position = Some(position);
            }
            fault
        })
    }

    fn invoke(
        &mut self,
        function: &Rc<Function<'e>>,
        args: Vec<Item<'e>>,
        input: &Item<'e>,
    ) -> Evaluated<'e> {
        match &function.kind {
            FunctionKind::Lambda(procedure) => {
                let args = match procedure.signature {
                    Some(signature) => signature.validate(args, input)?,
                    None => args,
                };
                self.apply_procedure(procedure, args)
            }
            FunctionKind::Builtin(builtin) => {
                let args = builtin.signature.validate(args, input)?;
                self.call_native(function, args)
            }
            FunctionKind::Transform { .. } => {
                let args = match &*TRANSFORM {
                    Some(signature) => signature.validate(args, input)?,
                    None => args,
                };
                self.call_native(function, args)
            }
            _ => self.call_native(function, args),
        }
    }

    fn apply_procedure(&mut self, procedure: &Procedure<'e>, args: Vec<Item<'e>>) -> Evaluated<'e> {
        self.calls += 1;
        if self.calls > self.limits.calls {
            return Err(Fault::too_deep());
        }
        let scope = Frame::new(Some(procedure.env.clone()));
        let mut args = args.into_iter();
        for param in procedure.params.iter() {
            scope.bind(param, args.next().unwrap_or_default())?;
        }
        let result = match &procedure.body {
            Body::Node(node) => self.evaluate(node, &procedure.input, &scope)?,
            Body::Native { function, params } => {
                let mut args = Vec::with_capacity(params.len());
                for param in params.iter() {
                    args.push(self.find(param, None, &scope)?);
                }
                self.call_native(function, args)?
            }
        };
        self.calls -= 1;
        Ok(result)
    }

    /// Calls what is a function of JavaScript, past any signature.
    fn call_native(&mut self, function: &Rc<Function<'e>>, args: Vec<Item<'e>>) -> Evaluated<'e> {
        match &function.kind {
            FunctionKind::Builtin(builtin) => {
                self.spend(1 + args.iter().map(Item::scan).sum::<usize>())?;
                (builtin.run)(self, &args)
            }
            FunctionKind::Wrapped { inner, .. } => {
                self.apply(&Item::Function(inner.clone()), args, &Item::Null)
            }
            FunctionKind::Regex(_) => self.regex_match(function, &args),
            FunctionKind::NextMatch { matcher, text } => self.regex_next(matcher, text),
            FunctionKind::Transform { transform, position, env } => {
                let item = args.first().cloned().unwrap_or_default();
                self.transform(transform, *position, env, &item)
            }
            FunctionKind::Lambda(_) => Err(Fault::new("T1006")),
        }
    }

    /// Calls a function from within a built-in function, there called `name`.
    pub fn call(&mut self, func: &Item<'e>, args: Vec<Item<'e>>, name: &str) -> Evaluated<'e> {
        match func {
            Item::Function(function) if function.has_apply() => match &function.kind {
                FunctionKind::Lambda(procedure) => self.apply(func, args, &procedure.input),
                _ => self.call_native(function, args),
            },
            Item::Undefined | Item::Null => {
                let kind = if func.is_undefined() { "undefined" } else { "null" };
                let message = format!("Cannot read properties of {kind} (reading 'apply')");
                Err(Fault::host(message))
            }
            _ => Err(Fault::host(format!("{name}.apply is not a function"))),
        }
    }

    pub(super) fn lambda(
        &mut self,
        lambda: &'e Lambda,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        if !lambda.thunk {
            self.capture(env);
        }
        Function::item(FunctionKind::Lambda(Procedure {
            params: Cow::Borrowed(&lambda.params),
            signature: lambda.signature.as_ref(),
            body: Body::Node(&lambda.body),
            input: input.clone(),
            env: env.clone(),
            thunk: lambda.thunk,
            partial: false,
        }))
    }

    pub(super) fn apply_operator(
        &mut self,
        node: &'e Node,
        lhs: &'e Node,
        rhs: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let left = self.evaluate(lhs, input, env)?;
        if let Kind::Function { procedure, arguments } = &rhs.kind {
            return self.function(rhs, procedure, arguments, input, env, Some(left));
        }
        let func = self.evaluate(rhs, input, env)?;
        if func.as_function().is_none() {
            return Err(Fault::new("T2006").at(node.position).value(func.shown()));
        }
        match (&left, &*CHAIN) {
            (Item::Function(_), Some(chain)) => {
                let chain = self.evaluate(chain, &Item::Null, env)?;
                self.apply(&chain, vec![left, func], &Item::Null)
            }
            _ => self.apply(&func, vec![left], &Item::Null),
        }
    }

    pub(super) fn partial(
        &mut self,
        node: &'e Node,
        procedure: &'e Node,
        arguments: &'e [Node],
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        // A question mark leaves its argument open.
        let mut args = Vec::with_capacity(arguments.len());
        for argument in arguments {
            args.push(match argument.kind {
                Kind::Placeholder => None,
                _ => Some(self.evaluate(argument, input, env)?),
            });
        }
        let proc = self.evaluate(procedure, input, env)?;
        if proc.is_undefined() && self.forgot_dollar(procedure, env)? {
            let mut fault = Fault::new("T1007").at(node.position);
            fault.token = procedure.procedure_name();
            return Err(fault);
        }
        let Item::Function(function) = &proc else {
            let mut fault = Fault::new("T1008").at(node.position);
            fault.token = procedure.procedure_name();
            return Err(fault);
        };
        match &function.kind {
            FunctionKind::Lambda(known) => {
                let (outer, body, input) = (&known.env, known.body.clone(), known.input.clone());
                self.partial_lambda(&known.params, outer, body, input, args)
            }
            kind => {
                let params = native_params(kind)?;
                let (function, names) = (function.clone(), Rc::from(&*params));
                let body = Body::Native { function, params: names };
                let outer = Frame::new(None);
                self.partial_lambda(&params, &outer, body, Item::Undefined, args)
            }
        }
    }

    fn partial_lambda(
        &mut self,
        params: &[Arc<str>],
        outer: &Env<'e>,
        body: Body<'e>,
        input: Item<'e>,
        args: Vec<Option<Item<'e>>>,
    ) -> Evaluated<'e> {
        let env = Frame::new(Some(outer.clone()));
        self.capture(&env);
        let mut open = Vec::new();
        let mut args = args.into_iter();
        for param in params {
            match args.next() {
                Some(None) => open.push(param.clone()),
                Some(Some(item)) => env.bind(param, item)?,
                None => env.bind(param, Item::Undefined)?,
            }
        }
        Function::item(FunctionKind::Lambda(Procedure {
            params: Cow::Owned(open),
            signature: None,
            body,
            input,
            env,
            thunk: false,
            partial: true,
        }))
    }
}

/// The parameters of a built-in function. The reference finds them in the text of the function
/// and parses them as those of a lambda, which fails where there is a default value.
fn native_params(kind: &FunctionKind<'_>) -> Result<Vec<Arc<str>>, Box<Fault>> {
    let text = match kind {
        FunctionKind::Builtin(builtin) => builtin.params,
        FunctionKind::Wrapped { .. } => "...params",
        FunctionKind::Regex(_) => "str, fromIndex",
        FunctionKind::Transform { .. } => "obj",
        FunctionKind::Lambda(_) | FunctionKind::NextMatch { .. } => "",
    };
    let names: Vec<String> = text.split(',').map(|name| format!("${}", name.trim())).collect();
    let source = format!("function({}){{ _ }}", names.join(", "));
    let (node, _) = process::process(parser::parse(&source)?)?;
    match node.kind {
        Kind::Lambda(lambda) => Ok(lambda.params),
        _ => Ok(Vec::new()),
    }
}

/// The error of a node, with its position where the reference knows one.
pub(super) fn place(fault: Box<Fault>, node: &Node) -> Box<Fault> {
    match node.kind {
        Kind::Path { .. } | Kind::Parent(_) => fault,
        _ => fault.at(node.position),
    }
}

fn cannot_set(item: &Item<'_>, member: &str) -> Box<Fault> {
    let kind = if item.is_undefined() { "undefined" } else { "null" };
    Fault::host(format!("Cannot set properties of {kind} (setting '{member}')"))
}

/// JavaScript's error for a member of a value that is no object.
pub(super) fn cannot_create(item: &Item<'_>, member: &str) -> Box<Fault> {
    let (kind, text) = match item {
        Item::String(text) => ("string", text.to_string()),
        Item::Number(value) => ("number", number::to_text(*value)),
        Item::Bool(value) => ("boolean", value.to_string()),
        _ => ("object", "[object Object]".into()),
    };
    Fault::host(format!("Cannot create property '{member}' on {kind} '{text}'"))
}
