"""The type checker that tests enforce jaxtyping's shape annotations with; an int is accepted where a float is meant."""

from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
