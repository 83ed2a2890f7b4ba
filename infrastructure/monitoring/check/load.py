"""A little of everything that buyers and admins do, so that no series stays silent."""
import http.client
import json
import struct
import subprocess
import threading
import time
import urllib.parse
import zlib

PASSWORD = "a long enough password 7"


def png(side):
    """A white square."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + b"\xff" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Person:
    def __init__(self, port, email):
        self.port, self.email, self.token = port, email, None

    def call(self, method, path, body=None, port=None, form=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        headers, sent = {}, None
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent, headers["content-type"] = json.dumps(body), "application/json"
        if form is not None:
            sent = urllib.parse.urlencode(form)
            headers = {"authorization": "Bearer sk_test_souk_sandbox", "content-type": "application/x-www-form-urlencoded"}
        connection.request(method, path, sent, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else {}

    def upload(self, product, image):
        """Adds a picture to a product, and returns the path of a file of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n' + image + b"\r\n--b--\r\n"
        headers = {"authorization": f"Bearer {self.token}", "content-type": "multipart/form-data; boundary=b"}
        connection.request("POST", f"/api/products/{product}/upload-image", sent, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)["picture"]["card"]["webp"]

    def sign_up(self, role="customer"):
        status, answer = self.call("POST", "/api/auth/register", {"email": self.email, "password": PASSWORD, "first_name": "Ada", "role": role})
        assert status == 201, answer
        return self.sign_in()

    def sign_in(self):
        status, answer = self.call("POST", "/api/auth/login", {"email": self.email, "password": PASSWORD})
        assert status == 200, answer
        self.token = answer["accessToken"]
        return self


class Load:
    """Buyers who shop until told to stop."""

    def __init__(self, servers):
        self.gateway, self.stripe = servers.port("api-gateway"), servers.port("stripe-sandbox")
        made = subprocess.run([servers.souk, "admin", "--email", "admin@check.example"], input=PASSWORD + "\n",
                              text=True, env=servers.named, capture_output=True)
        assert made.returncode == 0, made.stdout + made.stderr
        self.admin = Person(self.gateway, "admin@check.example").sign_in()
        self.seller = seller = Person(self.gateway, "seller@check.example").sign_up("seller")
        self.products = []
        for n in range(10):
            status, answer = seller.call("POST", "/api/products", {"name": f"Checked mug {n}", "price": "18.00", "stock": 100000})
            assert status == 201, answer
            self.products.append(answer["id"])
        self.buyer = Person(self.gateway, "buyer@check.example").sign_up()
        self.file = seller.upload(self.products[0], png(99))
        self.stop, self.orders, self.failed = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.shop, args=(n,), daemon=True) for n in range(2)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(40)

    def shop(self, n):
        turn = n
        while not self.stop.is_set():
            try:
                self.turn(turn)
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failed.append(repr(error))
                time.sleep(0.2)
            turn += 2

    def turn(self, turn):
        buyer, product = self.buyer, self.products[turn % len(self.products)]
        buyer.call("GET", "/api/products?limit=20")
        for _ in range(3):
            buyer.call("GET", f"/api/products/{product}")
        buyer.call("GET", "/api/categories")
        if turn % 5 == 0:
            self.file = self.seller.upload(product, png(100 + turn % 2))
        buyer.call("GET", self.file)
        buyer.call("GET", f"/api/nothing/{turn}")
        body = {"items": [{"productId": product, "quantity": 1 + turn % 3}], "shippingAddress": "1 Check Street"}
        status, order = buyer.call("POST", "/api/orders", body)
        assert status == 201, (status, order)
        self.orders += 1
        path, ending = f"/api/orders/{order['id']}", turn % 4
        if ending == 0:
            buyer.call("POST", path + "/cancel", {"reason": "changed my mind"})
            return
        if ending == 1:
            return
        _, payment = buyer.call("GET", f"/api/payments/order/{order['id']}")
        card = "pm_card_visa"
        if ending == 2:
            self.pay(payment, "pm_card_chargeDeclined")
        self.pay(payment, card)
        for _ in range(50):
            if buyer.call("GET", path)[1].get("status") == "paid":
                break
            time.sleep(0.1)
        if ending == 3:
            self.admin.call("POST", "/api/payments/refund", {"orderId": order["id"]})
        if turn % 10 == 3:
            Person(self.gateway, "buyer@check.example").sign_in()

    def pay(self, payment, card):
        self.admin.call("POST", f"/v1/payment_intents/{payment['paymentIntentId']}/confirm", port=self.stripe, form={"payment_method": card})
