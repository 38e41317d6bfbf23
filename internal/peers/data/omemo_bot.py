# SPDX-License-Identifier: MPL-2.0
"""OMEMO for the bot: python-omemo's session manager on slixmpp's pubsub."""

import json
import os
import xml.etree.ElementTree as ET

import omemo
import oldmemo
import twomemo
import xeddsa
from slixmpp.exceptions import IqError, IqTimeout

import omemo_wire as wire

TRUST = {
    "trusted": omemo.TrustLevel.TRUSTED,
    "distrusted": omemo.TrustLevel.DISTRUSTED,
    "undecided": omemo.TrustLevel.UNDECIDED,
}
PUBSUB = "{http://jabber.org/protocol/pubsub}"


class Store(omemo.Storage):
    """Keeps everything in memory and, given a path, in a file too."""

    def __init__(self, path):
        super().__init__(True)
        self.path, self.data = path, {}
        if path and os.path.exists(path):
            with open(path) as file:
                self.data = json.load(file)

    async def _load(self, key):
        return omemo.Just(self.data[key]) if key in self.data else omemo.Nothing()

    async def _store(self, key, value):
        self.data[key] = value
        self.save()

    async def _delete(self, key):
        self.data.pop(key, None)
        self.save()

    def save(self):
        if not self.path:
            return
        with open(self.path + ".new", "w") as file:
            json.dump(self.data, file)
        os.replace(self.path + ".new", self.path)


async def publish(xmpp, node, item, payload, shared):
    """Publishes an item that everybody may read; shared nodes hold many items."""
    pubsub = xmpp["xep_0060"]

    def form(kind):
        f = xmpp["xep_0004"].make_form(ftype="submit")
        f.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#" + kind)
        f.add_field(var="pubsub#persist_items", value="true")
        f.add_field(var="pubsub#access_model", value="open")
        return f

    try:
        await pubsub.publish(None, node, id=item, payload=payload, options=form("publish-options"))
    except IqError as error:
        if error.condition not in ("conflict", "precondition-not-met"):
            raise
        await pubsub.set_node_config(None, node, form("node_config"))
        await pubsub.publish(None, node, id=item, payload=payload)
    if shared:
        config = form("node_config")
        config.add_field(var="pubsub#max_items", value="max")
        try:
            await pubsub.set_node_config(None, node, config)
        except IqError:
            pass  # some servers have no maximum


async def fetch(xmpp, jid, node, item):
    """Returns the payload of an item, the newest one when item is None; None
    when there is none or it is not for us to see."""
    try:
        items = [item] if item else None
        answer = await xmpp["xep_0060"].get_items(jid, node, item_ids=items, max_items=None if item else 1)
    except IqError as error:
        if error.condition in ("item-not-found", "forbidden", "not-authorized", "service-unavailable", "subscription-required"):
            return None
        raise
    found = answer.xml.findall("%spubsub/%sitems/%sitem" % (PUBSUB, PUBSUB, PUBSUB))
    return found[-1][0] if found and len(found[-1]) else None


def manager_class(xmpp, policy):
    """Makes the session manager of one bot. policy["blind"] says whether new
    keys are trusted when a decision is due."""

    class Manager(omemo.SessionManager):
        @staticmethod
        async def _upload_bundle(bundle):
            node, item = wire.bundle_place(bundle.namespace, bundle.device_id)
            try:
                await publish(xmpp, node, item, wire.bundle_xml(bundle), bundle.namespace == wire.NEW)
            except (IqError, IqTimeout) as error:
                raise omemo.BundleUploadFailed(str(error)) from error

        @staticmethod
        async def _download_bundle(namespace, bare_jid, device_id):
            node, item = wire.bundle_place(namespace, device_id)
            try:
                root = await fetch(xmpp, bare_jid, node, item if namespace == wire.NEW else None)
                if root is not None:
                    return wire.parse_bundle(namespace, bare_jid, device_id, root)
            except Exception as error:
                raise omemo.BundleDownloadFailed(str(error)) from error
            raise omemo.BundleNotFound(node)

        @staticmethod
        async def _delete_bundle(namespace, device_id):
            node, item = wire.bundle_place(namespace, device_id)
            try:
                await xmpp["xep_0060"].retract(None, node, item)
            except IqError:
                pass

        @staticmethod
        async def _upload_device_list(namespace, device_list):
            try:
                node = wire.devices_node(namespace)
                await publish(xmpp, node, "current", wire.devices_xml(namespace, device_list), False)
            except (IqError, IqTimeout) as error:
                raise omemo.DeviceListUploadFailed(str(error)) from error

        @staticmethod
        async def _download_device_list(namespace, bare_jid):
            try:
                root = await fetch(xmpp, bare_jid, wire.devices_node(namespace), None)
            except (IqError, IqTimeout) as error:
                raise omemo.DeviceListDownloadFailed(str(error)) from error
            return {} if root is None else wire.parse_devices(namespace, root)

        async def _evaluate_custom_trust_level(self, device):
            return TRUST[device.trust_level_name]

        async def _make_trust_decision(self, undecided, identifier):
            if not policy["blind"]:
                return
            for device in undecided:
                await self.set_trust(device.bare_jid, device.identity_key, "trusted")

        @staticmethod
        async def _send_message(message, bare_jid):
            stanza = xmpp.make_message(mto=bare_jid, mtype="chat")
            stanza.xml.append(wire.message_xml(message))
            ET.SubElement(stanza.xml, "{urn:xmpp:hints}store")
            stanza.send()

    return Manager


async def start(xmpp, profiles, path, policy):
    """Publishes devices and bundles and returns the session manager."""
    store = Store(path)
    backends = []
    for profile in profiles:
        backends.append(oldmemo.Oldmemo(store) if profile == "0.3" else twomemo.Twomemo(store))
    manager = await manager_class(xmpp, policy).create(backends, store, xmpp.boundjid.bare, "bot", "undecided")
    await manager.after_history_sync()
    return manager


async def decrypt(manager, root, sender, own_jid):
    """Decrypts <encrypted/> and returns a description for the driver. A failure
    is described, not raised."""
    namespace = root.tag[1:root.tag.index("}")]
    result = {"encrypted": wire.NAMES[namespace]}
    try:
        own, _ = await manager.get_own_device_information()
        header = root.find("{%s}header" % namespace)
        found = await manager.get_device_information(sender)
        if int(header.get("sid")) not in (d.device_id for d in found):
            await manager.refresh_device_list(namespace, sender)
            found = await manager.get_device_information(sender)
        known = {wire.fingerprint(d.identity_key): d.identity_key for d in found}

        def sign_bit_of(curve):
            return bool(known.get(curve.hex(), b"\0" * 32)[31] & 0x80)

        message = wire.parse_message(root, sender, own_jid, own.device_id, sign_bit_of)
        result["device"] = message.device_id
        plaintext, device, _ = await manager.decrypt(message)
        result["fingerprint"] = wire.fingerprint(device.identity_key)
        result["trust"] = device.trust_level_name
        if plaintext is None:
            result["empty"] = True
        else:
            result["body"] = wire.unwrap(namespace, plaintext)
    except Exception as error:
        result["error"] = "%s: %s" % (type(error).__name__, error)
    return result


async def encrypt(manager, namespace, recipients, body, sender, room):
    """Encrypts for one profile; devices without it are left out."""
    for jid in recipients:
        await manager.refresh_device_list(namespace, jid)
    plaintexts = {n: wire.wrap(n, body, sender, room) for n in wire.PROFILES.values()}
    messages, errors = await manager.encrypt(
        frozenset(recipients), plaintexts, backend_priority_order=[namespace])
    for message in messages:
        if message.namespace == namespace:
            return message, ["%s" % (error,) for error in errors]
    raise ValueError("nobody to encrypt for")


async def devices(manager, jid):
    """Describes the known devices of a contact, or the own ones."""
    return [{
        "device": d.device_id,
        "label": d.label or "",
        "fingerprint": wire.fingerprint(d.identity_key),
        "trust": d.trust_level_name,
        "active": sorted(wire.NAMES[namespace] for namespace, active in d.active if active),
    } for d in await manager.get_device_information(jid)]


async def set_trust(manager, jid, fingerprint, level):
    for device in await manager.get_device_information(jid):
        if wire.fingerprint(device.identity_key) == fingerprint:
            await manager.set_trust(jid, device.identity_key, level)
            return
    raise ValueError("no device of %s has this fingerprint" % jid)
