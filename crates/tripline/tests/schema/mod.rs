//! A checker for the part of JSON Schema that our schema uses. A word that it does not know makes
//! it fail, so that nothing is passed by without being looked at.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

type Object = Map<String, Value>;

pub(crate) struct Schema(Value);

/// Words that say nothing about validity.
const REMARKS: [&str; 5] = ["$schema", "$defs", "title", "description", "default"];

impl Schema {
    pub(crate) fn of_events() -> Self {
        Self(serde_json::from_str(tripline::command::SCHEMA).expect("the schema is JSON"))
    }

    /// Why `event` is not valid.
    pub(crate) fn check(&self, event: &Value) -> Result<(), String> {
        let known = self.check_against(&self.0, event, "event")?;
        refuse_unknown(event, &known, "event")
    }

    fn resolve(&self, reference: &str) -> &Value {
        let name = reference.strip_prefix("#/$defs/").expect("a local reference");
        &self.0["$defs"][name]
    }

    /// Checks; returns the fields of an object that the schema knows.
    fn check_against(
        &self,
        schema: &Value,
        value: &Value,
        at: &str,
    ) -> Result<BTreeSet<String>, String> {
        let mut known = BTreeSet::new();
        let Some(schema) = schema.as_object() else {
            return Ok(known);
        };
        for (word, wanted) in schema {
            match word.as_str() {
                word if REMARKS.contains(&word) => {}
                "$ref" => {
                    let target = self.resolve(wanted.as_str().ok_or("odd reference")?);
                    known.extend(self.check_against(target, value, at)?);
                }
                "oneOf" | "anyOf" => known.extend(self.check_one(wanted, value, at)?),
                "properties" => known.extend(self.check_fields(wanted, value, at)?),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        let at = format!("{at}[{index}]");
                        let known = self.check_against(wanted, item, &at)?;
                        refuse_unknown(item, &known, &at)?;
                    }
                }
                _ => check_word(schema, word, wanted, value, at)?,
            }
        }
        Ok(known)
    }

    /// Exactly one of the alternatives must fit.
    fn check_one(
        &self,
        alternatives: &Value,
        value: &Value,
        at: &str,
    ) -> Result<BTreeSet<String>, String> {
        let alternatives = alternatives.as_array().ok_or("odd alternatives")?;
        let mut fitting = Vec::new();
        let mut problems = Vec::new();
        for alternative in alternatives {
            match self.check_against(alternative, value, at) {
                Ok(known) => fitting.push(known),
                Err(problem) => problems.push(problem),
            }
        }
        match fitting.as_slice() {
            [known] => Ok(known.clone()),
            [] => Err(format!("{at} fits none of: {}", problems.join(" | "))),
            _ => Err(format!("{at} fits {} of the alternatives", fitting.len())),
        }
    }

    fn check_fields(
        &self,
        fields: &Value,
        value: &Value,
        at: &str,
    ) -> Result<BTreeSet<String>, String> {
        let fields = fields.as_object().ok_or("odd properties")?;
        for (name, schema) in fields {
            if let Some(field) = value.get(name) {
                let at = format!("{at}.{name}");
                let known = self.check_against(schema, field, &at)?;
                refuse_unknown(field, &known, &at)?;
            }
        }
        Ok(fields.keys().cloned().collect())
    }
}

fn refuse_unknown(value: &Value, known: &BTreeSet<String>, at: &str) -> Result<(), String> {
    let fields = value.as_object().into_iter().flatten();
    match fields.map(|(name, _)| name).find(|name| !known.contains(*name)) {
        Some(name) => Err(format!("{at} has the undocumented field {name}")),
        None => Ok(()),
    }
}

fn check_word(
    schema: &Object,
    word: &str,
    wanted: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let fits = match word {
        "type" => match wanted {
            Value::Array(types) => types.iter().any(|wanted| has_type(value, wanted)),
            wanted => has_type(value, wanted),
        },
        "const" => value == wanted,
        "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
        "required" => {
            let names = wanted.as_array().into_iter().flatten();
            let mut names = names.filter_map(Value::as_str);
            names.all(|name| value.get(name).is_some())
        }
        "minimum" => value.is_null() || value.as_f64() >= wanted.as_f64(),
        "maximum" => value.is_null() || value.as_f64() <= wanted.as_f64(),
        // A remark on the width of numbers; minimum and maximum say the same.
        "format" => schema.contains_key("type"),
        "additionalProperties" => *wanted == Value::Bool(false),
        other => {
            return Err(format!("the schema uses `{other}`, which is not checked here"));
        }
    };
    if fits {
        return Ok(());
    }
    Err(format!("{at} is {value}, but {word} is {wanted}"))
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    }
}
