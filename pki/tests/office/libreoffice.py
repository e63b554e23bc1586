"""LibreOffice, headless, as a maker and as a judge. Run with the system's Python, which has its `uno` module.
    libreoffice.py sign FOLDER            makes letter.odt, sheet.ods, letter.docx and sheet.xlsx there and signs them
    libreoffice.py judge FILE...          prints a line for each file: how many signatures it sees, and how many are valid
The certificate is made with openssl, and put into an NSS database with certutil and pk12util."""

import os, shutil, subprocess, sys, tempfile, time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.embed.ElementModes import READ, READWRITE


def quiet(*command, **more):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def certificate(folder):
    at = lambda name: os.path.join(folder, name)
    database = "sql:" + at("nss")
    os.mkdir(at("nss"))
    quiet("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("root.key"), "-out", at("root.pem"), "-days", "3650",
          "-subj", "/CN=TEST Office Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    quiet("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", at("own.key"), "-out", at("own.csr"), "-subj", "/CN=TEST Nguyen Van An/O=TEST")
    with open(at("extensions"), "w") as file:
        file.write("keyUsage=critical,digitalSignature,nonRepudiation\nextendedKeyUsage=emailProtection,clientAuth\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    quiet("openssl", "x509", "-req", "-in", at("own.csr"), "-CA", at("root.pem"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "3650",
          "-extfile", at("extensions"), "-out", at("own.pem"))
    quiet("openssl", "pkcs12", "-export", "-inkey", at("own.key"), "-in", at("own.pem"), "-certfile", at("root.pem"), "-out", at("own.p12"),
          "-passout", "pass:x", "-name", "own")
    quiet("certutil", "-N", "-d", database, "--empty-password")
    quiet("pk12util", "-i", at("own.p12"), "-d", database, "-W", "x")
    quiet("certutil", "-A", "-d", database, "-n", "root", "-t", "CT,C,C", "-i", at("root.pem"))
    return database


def prop(name, value):
    made = PropertyValue()
    made.Name, made.Value = name, value
    return made


class Office:
    def __init__(self, home):
        self.database = certificate(home)
        pipe = f"chuky{os.getpid()}"
        environment = {**os.environ, "MOZILLA_CERTIFICATE_FOLDER": self.database, "HOME": home}
        self.process = subprocess.Popen(
            ["soffice", f"-env:UserInstallation=file://{home}/profile", "--headless", "--norestore", "--nologo", f"--accept=pipe,name={pipe};urp;"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        for attempt in range(120):
            try:
                self.context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                break
            except Exception:
                if attempt == 119:
                    raise
                time.sleep(0.5)
        make = self.context.ServiceManager.createInstanceWithContext
        self.desktop = make("com.sun.star.frame.Desktop", self.context)
        self.storages = make("com.sun.star.embed.StorageFactory", self.context)
        security = make("com.sun.star.xml.crypto.SEInitializer", self.context).createSecurityContext("")
        environment = security.getSecurityEnvironmentByIndex(security.getDefaultSecurityEnvironmentIndex())
        self.security, self.own = security, environment.getPersonalCertificates()[0]

    def storage(self, path, mode):
        options = uno.Any("[]com.sun.star.beans.PropertyValue", (prop("StorageFormat", "ZipFormat"),))
        return uno.invoke(self.storages, "createInstanceWithArguments", (("file://" + path, mode, options),))

    def signatures(self, signed):
        return self.context.ServiceManager.createInstanceWithArgumentsAndContext(
            "com.sun.star.security.DocumentDigitalSignatures", ("1.2", signed), self.context)

    def make(self, kind, path, filter_name):
        document = self.desktop.loadComponentFromURL("private:factory/" + kind, "_blank", 0, (prop("Hidden", True),))
        if kind == "swriter":
            document.Text.String = "Quyết định số 12/QĐ-UBND: thử nghiệm chữ ký."
        else:
            cells = document.Sheets.getByIndex(0)
            cells.getCellByPosition(0, 0).String = "Thu"
            cells.getCellByPosition(1, 0).Value = 1000
        document.storeToURL("file://" + path, (prop("FilterName", filter_name),))
        document.close(True)

    def sign(self, path):
        written = self.storage(path, READWRITE)
        if path.endswith(("odt", "ods")):
            # What is signed is read through a storage of its own: one storage for both takes LibreOffice 7.4 down.
            folder = written.openStorageElement("META-INF", READWRITE)
            stream = folder.openStreamElement("documentsignatures.xml", READWRITE)
            done = self.signatures(False).signDocumentWithCertificate(self.own, self.storage(path, READ), stream)
            folder.commit()
        else:
            done = self.signatures(False).signDocumentWithCertificate(self.own, written, None)
        written.commit()
        written.dispose()
        assert done, path

    def judge(self, path):
        seen = self.signatures(True).verifyDocumentContentSignatures(self.storage(path, READ), None)
        return len(seen), sum(one.SignatureIsValid for one in seen)

    def close(self):
        try:
            self.desktop.terminate()
        except Exception:
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()


def main():
    home = tempfile.mkdtemp(prefix="chuky-office-")
    office = Office(home)
    try:
        if sys.argv[1] == "sign":
            folder = os.path.abspath(sys.argv[2])
            os.makedirs(folder, exist_ok=True)
            shutil.copy(os.path.join(home, "root.pem"), folder)
            for kind, name, filter_name in [("swriter", "letter.odt", "writer8"), ("scalc", "sheet.ods", "calc8"),
                                            ("swriter", "letter.docx", "MS Word 2007 XML"), ("scalc", "sheet.xlsx", "Calc MS Excel 2007 XML")]:
                path = os.path.join(folder, name)
                office.make(kind, path, filter_name)
                office.sign(path)
        else:
            for path in sys.argv[2:]:
                print(os.path.basename(path), *office.judge(os.path.abspath(path)))
    finally:
        office.close()
        shutil.rmtree(home, ignore_errors=True)


main()
