"""The staff: their accounts, what each may see, and the links that let them in once."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa
from flask_security.models import sqla as security_models

from plugin.store.communities import Community, all_communities
from plugin.store.tables import Base, Moment, communities, insights, metadata

StaffRole = Literal["editor", "moderator", "admin"]
ROLES: tuple[StaffRole, ...] = ("editor", "moderator", "admin")
LINK_LASTS = timedelta(minutes=15)

security_models.FsModels.set_db_info(  # type: ignore[no-untyped-call]
    base_model=Base,
    user_table_name="staff_users",
    role_table_name="staff_roles",
    webauthn_table_name="staff_passkeys",
)


class Role(Base, security_models.FsRoleMixin):
    """Flask-Security asks for such a table; who may see what stands in `staff_access`."""

    __tablename__ = "staff_roles"


class User(Base, security_models.FsUserMixin):
    """An account of somebody who works with the comments."""

    __tablename__ = "staff_users"


class WebAuthn(Base, security_models.FsWebAuthnMixin):
    """A passkey of an account."""

    __tablename__ = "staff_passkeys"


users = cast(sa.Table, User.__table__)
roles_of_users = metadata.tables["roles_users"]

# One line for each thing that somebody may do; without a community it is for all of them.
staff_access = sa.Table(
    "staff_access",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("community_id", sa.ForeignKey("communities.id", ondelete="CASCADE"), index=True),
)

# Of a link only the digest is kept: who reads the database cannot walk in with it.
sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that an account may do: a role in one community, or in all where `community` is None."""

    role: StaffRole
    community: str | None


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """An account and all that it may do."""

    id: int
    email: str
    access: tuple[Access, ...]


def account_id(conn: sa.Connection, email: str) -> int | None:
    """Return the id of the account with this address, or None."""
    user_id: int | None = conn.scalar(sa.select(users.c.id).where(users.c.email == email))
    return user_id


def add_staff(conn: sa.Connection, email: str, role: StaffRole, community_id: int | None) -> int:
    """Give somebody a role, making the account where there is none; return the account's id."""
    user_id = account_id(conn, email)
    if user_id is None:
        row = {"email": email, "active": True, "fs_uniquifier": _uniquifier()}
        user_id = conn.execute(sa.insert(users).values(row).returning(users.c.id)).scalar_one()
    line = {"user_id": user_id, "role": role, "community_id": community_id}
    same = [staff_access.c[name].is_not_distinct_from(value) for name, value in line.items()]
    if conn.scalar(sa.select(staff_access.c.id).where(*same)) is None:
        conn.execute(sa.insert(staff_access).values(line))
    end_sessions(conn, user_id)
    return int(user_id)


def remove_staff(conn: sa.Connection, email: str) -> bool:
    """Delete an account with all that it may do; return whether there was one."""
    user_id = account_id(conn, email)
    if user_id is None:
        return False
    conn.execute(sa.update(insights).where(insights.c.assignee_id == user_id).values(assignee_id=None))
    conn.execute(sa.delete(roles_of_users).where(roles_of_users.c.user_id == user_id))
    conn.execute(sa.delete(users).where(users.c.id == user_id))
    return True


def end_sessions(conn: sa.Connection, user_id: int) -> None:
    """Sign somebody out everywhere: what they may do has changed."""
    conn.execute(sa.update(users).where(users.c.id == user_id).values(fs_uniquifier=_uniquifier()))


def all_staff(conn: sa.Connection) -> list[StaffAccount]:
    """Return every account, by address."""
    query = (
        sa.select(users.c.id, users.c.email, staff_access.c.role, communities.c.slug)
        .select_from(users.outerjoin(staff_access).outerjoin(communities))
        .order_by(users.c.email, users.c.id, staff_access.c.id)
    )
    found: dict[int, StaffAccount] = {}
    for row in conn.execute(query):
        known = found.get(row.id, StaffAccount(row.id, row.email, ()))
        more = (Access(row.role, row.slug),) if row.role else ()
        found[row.id] = StaffAccount(known.id, known.email, known.access + more)
    return list(found.values())


def has_role(conn: sa.Connection, user_id: int, role: StaffRole) -> bool:
    """Return whether somebody has this role anywhere; an admin has them all."""
    return bool(conn.scalar(sa.select(sa.exists(_lines(user_id, role)))))


def runs_everything(conn: sa.Connection, user_id: int) -> bool:
    """Return whether somebody is an admin of every community, those to come included."""
    return None in set(conn.scalars(_lines(user_id, "admin")))


def may_edit(conn: sa.Connection, user_id: int, community_id: int) -> bool:
    """Return whether somebody is an editor of a community."""
    return bool(conn.scalar(sa.select(sa.exists(_lines_in(user_id, "editor", community_id)))))


def editors_of(conn: sa.Connection, community_ids: Collection[int]) -> dict[int, str]:
    """Return who is an editor of any of these communities: account and address, by address."""
    theirs = sa.or_(staff_access.c.community_id.is_(None), staff_access.c.community_id.in_(community_ids))
    query = (
        sa.select(users.c.id, users.c.email)
        .join(staff_access, staff_access.c.user_id == users.c.id)
        .where(staff_access.c.role.in_(("editor", "admin")), theirs)
        .distinct()
        .order_by(users.c.email)
    )
    return {row.id: row.email for row in conn.execute(query)}


def communities_open_to(conn: sa.Connection, user_id: int, role: StaffRole) -> list[Community]:
    """Return the communities in which somebody has this role, by name."""
    allowed = set(conn.scalars(_lines(user_id, role)))
    return [community for community in all_communities(conn) if None in allowed or community.id in allowed]


def new_sign_in_link(conn: sa.Connection, user_id: int, now: datetime) -> str:
    """Return a token that lets this account in once, within 15 minutes."""
    token = secrets.token_urlsafe(32)
    conn.execute(sa.delete(sign_in_links).where(sign_in_links.c.expires_at < now))
    row = {"token_hash": _hash(token), "user_id": user_id, "expires_at": now + LINK_LASTS}
    conn.execute(sa.insert(sign_in_links).values(row))
    return token


def is_live_link(conn: sa.Connection, token: str, now: datetime) -> bool:
    """Return whether this token would let somebody in now."""
    return bool(conn.scalar(sa.select(sa.exists().where(_live(token, now)))))


def use_sign_in_link(conn: sa.Connection, token: str, now: datetime) -> int | None:
    """Use a token up and return the account it lets in; None where it is unknown, used or too old."""
    used = sa.update(sign_in_links).where(_live(token, now)).values(used_at=now).returning(sign_in_links.c.user_id)
    user_id: int | None = conn.scalar(used)
    return user_id


def _lines(user_id: int, role: StaffRole) -> sa.Select[int | None]:
    return sa.select(staff_access.c.community_id).where(
        staff_access.c.user_id == user_id, staff_access.c.role.in_((role, "admin"))
    )


def _lines_in(user_id: int, role: StaffRole, community_id: int) -> sa.Select[int | None]:
    theirs = sa.or_(staff_access.c.community_id.is_(None), staff_access.c.community_id == community_id)
    return _lines(user_id, role).where(theirs)


def _live(token: str, now: datetime) -> sa.ColumnElement[bool]:
    links = sign_in_links.c
    return sa.and_(links.token_hash == _hash(token), links.used_at.is_(None), links.expires_at > now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _uniquifier() -> str:
    return secrets.token_hex(32)
