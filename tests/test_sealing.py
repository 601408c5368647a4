"""What is sealed can be read with our keys only, and for its own purpose only."""

import pytest

from plugin.sealing import CannotUnseal, Vault

OLD = "the key of last year, forty characters long"
NEW = "the key of this year, forty characters long"


def test_what_was_sealed_comes_back() -> None:
    sealed = Vault([NEW]).seal("community secret", "whsec_été")
    assert "whsec" not in sealed
    assert Vault([NEW]).unseal("community secret", sealed) == "whsec_été"


def test_two_seals_of_one_text_differ() -> None:
    vault = Vault([NEW])
    assert vault.seal("a", "same") != vault.seal("a", "same")


def test_an_older_key_still_opens_what_it_sealed() -> None:
    sealed = Vault([OLD]).seal("a", "kept")
    assert Vault([NEW, OLD]).unseal("a", sealed) == "kept"


def test_the_newest_key_seals() -> None:
    sealed = Vault([NEW, OLD]).seal("a", "kept")
    assert Vault([NEW]).unseal("a", sealed) == "kept"
    with pytest.raises(CannotUnseal):
        Vault([OLD]).unseal("a", sealed)


@pytest.mark.parametrize("sealed", ["", "not sealed", "gAAAAA==", "é"])
def test_what_we_did_not_seal_is_refused_by_name(sealed: str) -> None:
    with pytest.raises(CannotUnseal):
        Vault([NEW]).unseal("a", sealed)


def test_a_seal_fits_its_own_purpose_only() -> None:
    vault = Vault([NEW])
    with pytest.raises(CannotUnseal) as refused:
        vault.unseal("b", vault.seal("a", "the words"))
    assert "the words" not in str(refused.value)


def test_each_purpose_has_its_own_key_and_keeps_it() -> None:
    vault = Vault([NEW, OLD])
    assert len(vault.key_for("sessions")) == 32
    assert vault.key_for("sessions") == Vault([NEW]).key_for("sessions")
    assert len({vault.key_for("sessions"), vault.key_for("digests"), Vault([OLD]).key_for("sessions")}) == 3


def test_a_vault_without_a_key_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="a vault needs a key"):
        Vault([])


def test_a_vault_never_shows_its_keys() -> None:
    assert repr(Vault([NEW, OLD])) == "Vault(2 keys)"
