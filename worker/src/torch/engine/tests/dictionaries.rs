//! Dictionaries beside the model.

use patchsweep_files::DictionaryFiles;

use super::*;

/// An engine that has loaded its model, and one of the embedded dictionaries. The model is not the one that it is of.
fn engine_and_dictionary() -> (TorchEngine, Dictionary) {
    let mut engine = engine();
    engine.evaluate(&context(), &tile(8), None, &Cancel::new()).expect("computed");
    let files = DictionaryFiles::open(&Path::new(patchsweep_data::files::FOLDER).join("guest-sae")).expect("its files");
    let digest = files.digest().expect("readable");
    let dictionary = files.header().at("res1", "guest-sae", "blocks.1.hook_resid_pre", digest).expect("a site");
    (engine, dictionary)
}

/// How the memory is divided, and what the cache may take of it.
fn divided(engine: &TorchEngine) -> (Option<MemoryShares>, u64) {
    (engine.shares, engine.cache.stats().budget_bytes)
}

#[test]
fn a_dictionary_takes_memory_from_the_cache_only_when_it_is_there() {
    let (mut engine, dictionary) = engine_and_dictionary();
    let alone = divided(&engine);
    let other = Dictionary { digest: Digest([0; 32]), ..dictionary.clone() };
    let refused = engine.load_dictionary(&context(), &Arc::new(other));
    assert!(matches!(refused, Err(EngineError::OtherDictionary { .. })), "{refused:?}");
    assert_eq!(divided(&engine), alone);
    engine.load_dictionary(&context(), &Arc::new(dictionary)).expect("loaded");
    let bytes = engine.dictionaries.bytes();
    assert!(bytes > 0 && divided(&engine).1 == alone.1 - bytes / 2, "{bytes}, {:?}", divided(&engine));
}

#[test]
fn what_panics_while_it_is_loaded_takes_no_memory_from_the_cache() {
    let (mut engine, _) = engine_and_dictionary();
    let alone = divided(&engine);
    let mut meanwhile = alone;
    let loading = AssertUnwindSafe(|| {
        engine.with_room_for(1 << 20, |engine| -> Result<(), EngineError> {
            meanwhile = divided(engine);
            panic!("out of memory")
        })
    });
    assert!(catch_unwind(loading).is_err());
    assert_eq!((meanwhile.1, divided(&engine)), (alone.1 - (1 << 19), alone));
}
