# SPDX-License-Identifier: MPL-2.0
"""A scripted XMPP client: commands as JSON lines on stdin, answers and events
as JSON lines on stdout. It ends when stdin does."""

import asyncio
import json
import os
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

import omemo_bot
import omemo_wire as wire

CLIENT = "{jabber:client}"
EVENT = "{http://jabber.org/protocol/pubsub#event}"
CARBONS = "{urn:xmpp:carbons:2}"
FORWARD = "{urn:xmpp:forward:0}forwarded"
RECEIPTS = "{urn:xmpp:receipts}"
MUC_USER = "{http://jabber.org/protocol/muc#user}"


def emit(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def bare(address):
    return slixmpp.JID(address).bare


class Bot:
    def __init__(self):
        self.xmpp = self.manager = None
        self.own = ""
        self.profiles = ()  # the versions of OMEMO it has
        self.policy = {"blind": True}
        self.inbox = asyncio.Queue()
        self.available = asyncio.Event()  # the server has seen the own presence
        self.listed = asyncio.Event()  # the own device list has come
        self.occupants = {}  # room address with nick -> real bare address

    # Commands. Each returns its result.

    async def login(self, jid, password, host, port, ca, register=False, profiles=("0.3",), state="", direct_tls=False):
        self.own = bare(jid)
        xmpp = self.xmpp = slixmpp.ClientXMPP(jid, password)
        xmpp.ca_certs = ca
        for plugin in ("xep_0004", "xep_0030", "xep_0045", "xep_0060", "xep_0115", "xep_0163", "xep_0199", "xep_0280"):
            xmpp.register_plugin(plugin)
        if register:
            xmpp.register_plugin("xep_0077")
            xmpp._always_send_everything = True  # or slixmpp keeps the registration back until after sign-in
        started = asyncio.get_running_loop().create_future()

        async def on_register(_):
            iq = xmpp.make_iq_set()
            iq["register"]["username"] = xmpp.boundjid.user
            iq["register"]["password"] = password
            try:
                await iq.send()
            except slixmpp.exceptions.IqError as error:
                fail("registration refused: " + error.condition)

        def fail(reason):
            if not started.done():
                started.set_exception(RuntimeError(reason))

        xmpp.add_event_handler("register", on_register)
        xmpp.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        xmpp.add_event_handler("failed_all_auth", lambda _: fail("authentication failed"))
        xmpp.add_event_handler("disconnected", lambda _: (fail("disconnected"), emit(event="disconnected")))
        xmpp.register_handler(Callback("messages", MatchXPath(CLIENT + "message"), lambda s: self.inbox.put_nowait(s.xml)))
        xmpp.register_handler(Callback("presences", MatchXPath(CLIENT + "presence"), self.on_presence))
        xmpp.connect((host, port), use_ssl=direct_tls, force_starttls=not direct_tls)
        await started
        xmpp._always_send_everything = False
        await xmpp.get_roster()
        await xmpp["xep_0280"].enable()
        self.profiles = tuple(profiles)
        if profiles:
            self.manager = await omemo_bot.start(xmpp, profiles, state, self.policy)
        for profile in profiles:  # not before: interests belong to the full address
            xmpp["xep_0163"].add_interest(wire.devices_node(wire.PROFILES[profile]), xmpp.boundjid)
        await xmpp["xep_0115"].update_caps(xmpp.boundjid, broadcast=False)
        self.worker = asyncio.ensure_future(self.work())
        await self.become_available(bool(profiles))
        return {"jid": xmpp.boundjid.full}

    async def send(self, to, body, encrypted="", type="chat", id="", recipients=(), receipt=False, no_fallback=False, hold=False):
        stanza = self.xmpp.make_message(mto=to, mtype=type)
        stanza["id"] = id or self.xmpp.new_id()
        warnings = []
        if encrypted:
            namespace = wire.PROFILES[encrypted]
            room = to if type == "groupchat" else None
            message, warnings = await omemo_bot.encrypt(
                self.manager, namespace, recipients or [bare(to)], body, self.own, room)
            if not no_fallback:
                stanza["body"] = "This message is encrypted with OMEMO."
            stanza.xml.append(wire.message_xml(message))
            ET.SubElement(stanza.xml, "{urn:xmpp:eme:0}encryption", {"namespace": namespace, "name": "OMEMO"})
            ET.SubElement(stanza.xml, "{urn:xmpp:hints}store")
        else:
            stanza["body"] = body
        ET.SubElement(stanza.xml, "{urn:xmpp:sid:0}origin-id", {"id": stanza["id"]})
        if receipt:
            ET.SubElement(stanza.xml, RECEIPTS + "request")
        if hold:
            return {"id": stanza["id"], "warnings": warnings, "xml": str(stanza)}
        stanza.send()
        return {"id": stanza["id"], "warnings": warnings}

    async def own_device(self):
        own, _ = await self.manager.get_own_device_information()
        return {"device": own.device_id, "fingerprint": wire.fingerprint(own.identity_key), "trust": own.trust_level_name}

    async def devices(self, jid, refresh=True):
        for namespace in wire.PROFILES.values() if refresh else ():
            try:
                await self.manager.refresh_device_list(namespace, jid)
            except wire.omemo.UnknownNamespace:
                pass
        return await omemo_bot.devices(self.manager, jid)

    async def trust(self, jid, fingerprint, level):
        await omemo_bot.set_trust(self.manager, jid, fingerprint, level)

    async def blind(self, on):
        self.policy["blind"] = on

    async def befriend(self, jid):
        """Subscribes; requests of others are granted and returned at once."""
        self.xmpp.send_presence_subscription(pto=jid)

    async def join(self, room, nick):
        await self.xmpp["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=30)

    async def configure(self, room, fields):
        """Changes the configuration of an own room."""
        form = self.xmpp["xep_0004"].make_form(ftype="submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/muc#roomconfig")
        for name, value in fields.items():
            form.add_field(var=name, value=value)
        await self.xmpp["xep_0045"].set_room_config(room, form)

    async def raw(self, xml):
        self.xmpp.send_raw(xml)

    async def presence(self, show="", type=""):
        self.xmpp.send_presence(pshow=show or None, ptype=type or None)

    async def abort(self):
        """Drops the connection without ending the stream."""
        self.xmpp.abort()

    async def quit(self):
        await self.xmpp.disconnect(wait=1.0)

    async def become_available(self, listening):
        """Sends presence and waits until the server has taken it in and, which it
        shows by sending the own device list, has understood that the bot wants
        device lists."""
        self.xmpp.send_presence()
        await self.available.wait()
        if not listening:
            return
        try:
            await asyncio.wait_for(self.listed.wait(), 3)
        except asyncio.TimeoutError:
            raise RuntimeError("no device lists come") from None

    # What comes in.

    def on_presence(self, stanza):
        if stanza["from"] == self.xmpp.boundjid and not stanza.xml.get("type"):
            self.available.set()
        for item in stanza.xml.iter(MUC_USER + "item"):
            if item.get("jid"):
                self.occupants[str(stanza["from"])] = bare(item.get("jid"))
        emit(event="presence", **{"from": str(stanza["from"])}, type=stanza.xml.get("type") or "")

    async def work(self):
        """Handles messages one after the other, in their order."""
        while True:
            xml = await self.inbox.get()
            try:
                await self.handle(xml)
            except Exception as error:
                emit(event="failure", error="%s: %s" % (type(error).__name__, error))

    async def handle(self, xml):
        carbon = ""
        for direction in ("sent", "received"):
            wrapper = xml.find(CARBONS + direction)
            if wrapper is not None and bare(xml.get("from") or self.own) == self.own:
                carbon, xml = direction, wrapper.find(FORWARD).find(CLIENT + "message")
        sender = xml.get("from") or self.own
        items = xml.find("%sevent/%sitems" % (EVENT, EVENT))
        if items is not None:
            await self.on_items(bare(sender), items)
            return
        received = xml.find(RECEIPTS + "received")
        if received is not None:
            emit(event="receipt", **{"from": sender}, id=received.get("id"))
            return
        origin = xml.find("{urn:xmpp:sid:0}origin-id")
        event = {
            "event": "message", "from": sender, "to": xml.get("to") or self.own, "id": xml.get("id") or "",
            "type": xml.get("type") or "normal", "body": xml.findtext(CLIENT + "body") or "", "carbon": carbon,
            "origin": "" if origin is None else origin.get("id"),
        }
        for profile in self.profiles:
            namespace = wire.PROFILES[profile]
            root = xml.find("{%s}encrypted" % namespace)
            if root is not None and self.manager is not None:
                if event["type"] == "groupchat":
                    real = self.occupants.get(sender, "")
                else:
                    real = bare(sender)
                event.update({"body": "", "realjid": real})
                event.update(await omemo_bot.decrypt(self.manager, root, real, self.own))
                break
        request = xml.find(RECEIPTS + "request")
        if request is not None and not carbon and event["type"] != "groupchat" and bare(sender) != self.own:
            self.acknowledge(sender, event["id"])
        emit(**event)

    def acknowledge(self, to, id):
        stanza = self.xmpp.make_message(mto=to, mtype="chat")
        ET.SubElement(stanza.xml, RECEIPTS + "received", {"id": id})
        stanza.send()

    async def on_items(self, sender, items):
        for namespace, name in wire.NAMES.items():
            if items.get("node") != wire.devices_node(namespace) or self.manager is None:
                continue
            found = items.findall(EVENT + "item")
            if not found or not len(found[-1]):
                return
            listed = wire.parse_devices(namespace, found[-1][0])
            try:
                await self.manager.update_device_list(namespace, sender, listed)
            except wire.omemo.UnknownNamespace:
                return
            if sender == self.own:
                self.listed.set()
            emit(event="devices", **{"from": sender}, encrypted=name, devices=sorted(listed))


async def main():
    bot = Bot()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()

    async def run(number, command, arguments):
        try:
            emit(reply=number, result=await getattr(bot, command)(**arguments))
        except Exception as error:
            emit(reply=number, error="%s: %s" % (type(error).__name__, error))

    while line := await reader.readline():
        request = json.loads(line)
        task = asyncio.ensure_future(run(request["id"], request["command"], request["arguments"]))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # slixmpp leaves threads behind
