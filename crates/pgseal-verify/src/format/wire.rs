//! Wire types of documents, separate from the types that the program works with.
//!
//! Each version of a format is a type here that converts into the document. Only version 1 exists:
//! the fields of the document and `"format": 1`, for statements inside an in-toto Statement v1. A
//! version 2 will be another type here, with its own conversion.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::json::{self, JsonError};
use super::statement::{Predicate, Statement, Subject};
use super::version::{Format1, PGSEAL};

/// Parses a document from its canonical bytes. For an unknown version, the error names the pgseal
/// version that can read the document, if the document states it.
pub fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    json::from_canonical(bytes).map_err(|error| newer(bytes).unwrap_or(error))
}

fn newer(bytes: &[u8]) -> Option<JsonError> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let predicate = value.get("predicate").unwrap_or(&value);
    let of_type = value
        .get("predicateType")
        .and_then(|text| text.as_str()?.rsplit_once(":v")?.1.parse().ok());
    let of_predicate = predicate.get("format").and_then(Value::as_u64);
    let found = of_type
        .into_iter()
        .chain(of_predicate)
        .find(|version| *version > 1)?;
    let program = ["minimum_pgseal", "pgseal"]
        .into_iter()
        .find_map(|key| predicate.get(key)?.as_str());
    let program = program.filter(|version| *version != PGSEAL);
    Some(JsonError::NewerFormat {
        found,
        program: program.map(str::to_owned),
    })
}

/// Version 1 of a document: `"format": 1` among its own fields.
pub struct V1<T>(pub T);

impl<T: Serialize> Serialize for V1<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.0).map_err(S::Error::custom)?;
        let fields = value
            .as_object_mut()
            .ok_or_else(|| S::Error::custom("a document has fields"))?;
        fields.insert("format".to_owned(), Value::from(u32::from(Format1)));
        value.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for V1<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: DeserializeOwned> Visitor<'de> for Fields<T> {
            type Value = V1<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let mut rest = WithoutFormat { map, format: None };
                let document = T::deserialize(MapAccessDeserializer::new(&mut rest))?;
                rest.format
                    .map(|Format1| V1(document))
                    .ok_or_else(|| A::Error::missing_field("format"))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// The fields of a document, with its format kept apart.
struct WithoutFormat<A> {
    map: A,
    format: Option<Format1>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut WithoutFormat<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key != "format" {
                let key: StringDeserializer<A::Error> = key.into_deserializer();
                return seed.deserialize(key).map(Some);
            }
            if self.format.replace(self.map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("format"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Version 1 of a statement, for deserializing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "P: Predicate")]
struct StatementV1<P> {
    #[serde(rename = "_type")]
    _type: StatementType,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: V1<P>,
}

/// Version 1 of a statement, for serializing.
#[derive(Serialize)]
#[serde(bound = "P: Predicate")]
struct StatementV1Ref<'s, P> {
    #[serde(rename = "_type")]
    type_: StatementType,
    subject: &'s [Subject],
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: V1<&'s P>,
}

/// The in-toto type of every statement.
#[derive(Serialize, Deserialize)]
enum StatementType {
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

impl<'de, P: Predicate> Deserialize<'de> for Statement<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StatementV1 {
            subject,
            predicate_type: found,
            predicate: V1(predicate),
            ..
        } = StatementV1::<P>::deserialize(deserializer)?;
        let expected = predicate.predicate_type();
        if found != expected {
            let text = format!("unknown variant `{found}`, expected `{expected}`");
            return Err(D::Error::custom(text));
        }
        Ok(Self { subject, predicate })
    }
}

impl<P: Predicate> Serialize for Statement<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (type_, predicate_type) = (StatementType::V1, self.predicate.predicate_type());
        StatementV1Ref {
            type_,
            subject: &self.subject,
            predicate_type,
            predicate: V1(&self.predicate),
        }
        .serialize(serializer)
    }
}
