import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Security;
import java.security.spec.ECGenParameterSpec;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.CMSSignedDataStreamGenerator;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInformationStore;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * CMS signatures by Bouncy Castle: DER and BER of indefinite length, attached and detached, several signers, counter-signatures, signers without
 * attributes, RSA PKCS #1 and PSS, ECDSA and EdDSA. Writes NAME.p7m and NAME.p7s (detached, over content.txt) into the folder that is named.
 */
public final class BouncyCastle {
    private static final byte[] CONTENT = "Xin chào, đây là nội dung được ký.\n".repeat(50).getBytes(java.nio.charset.StandardCharsets.UTF_8);
    private static long serial = 100;

    private record Signer(X509CertificateHolder certificate, KeyPair keys, String algorithm) {}

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Path folder = Path.of(arguments[0]);
        Files.createDirectories(folder);
        Files.write(folder.resolve("content.txt"), CONTENT);
        List<String[]> kinds = List.of(
            new String[] {"RSA", "SHA256withRSA"}, new String[] {"RSA", "SHA256withRSAandMGF1"}, new String[] {"RSA", "SHA512withRSAandMGF1"},
            new String[] {"P-256", "SHA256withECDSA"}, new String[] {"P-384", "SHA384withECDSA"}, new String[] {"P-521", "SHA512withECDSA"},
            new String[] {"RSA", "SHA3-256withRSA"}, new String[] {"Ed25519", "Ed25519"});
        for (String[] kind : kinds) {
            Signer signer = signer(kind[0], kind[1]);
            for (boolean attached : new boolean[] {true, false}) {
                String ending = attached ? ".p7m" : ".p7s";
                Files.write(folder.resolve(kind[1] + ending), data(attached, true, signer).getEncoded("DER"));
                Files.write(folder.resolve(kind[1] + "-bare" + ending), data(attached, false, signer).getEncoded("DER"));
                Files.write(folder.resolve(kind[1] + "-ber" + ending), streamed(attached, signer));
                CMSSignedData countered = countered(data(attached, true, signer), signer("P-256", "SHA256withECDSA"));
                Files.write(folder.resolve(kind[1] + "-countered" + ending), countered.getEncoded());
            }
        }
        Signer[] several = {signer("RSA", "SHA256withRSA"), signer("P-256", "SHA256withECDSA"), signer("P-384", "SHA384withECDSA")};
        Files.write(folder.resolve("several.p7m"), data(true, true, several).getEncoded("DER"));
        Files.write(folder.resolve("several.p7s"), data(false, true, several).getEncoded("DER"));
    }

    private static Signer signer(String key, String algorithm) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(key.startsWith("P-") ? "EC" : key, "BC");
        if (key.startsWith("P-")) {
            generator.initialize(new ECGenParameterSpec(key));
        } else if (key.equals("RSA")) {
            generator.initialize(2048);
        }
        KeyPair keys = generator.generateKeyPair();
        X500Name name = new X500Name("C=VN,CN=TEST " + algorithm);
        Date from = new Date(1_577_836_800_000L);
        Date until = new Date(2_208_988_800_000L);
        var builder = new JcaX509v3CertificateBuilder(name, BigInteger.valueOf(serial++), from, until, name, keys.getPublic());
        return new Signer(builder.build(new JcaContentSignerBuilder(algorithm).setProvider("BC").build(keys.getPrivate())), keys, algorithm);
    }

    private static SignerInfoGenerator generator(Signer signer, boolean attributes) throws Exception {
        var builder = new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build());
        builder.setDirectSignature(!attributes);
        return builder.build(new JcaContentSignerBuilder(signer.algorithm).setProvider("BC").build(signer.keys.getPrivate()), signer.certificate);
    }

    private static CMSSignedData data(boolean attached, boolean attributes, Signer... signers) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        for (Signer signer : signers) {
            generator.addSignerInfoGenerator(generator(signer, attributes));
            generator.addCertificate(signer.certificate);
        }
        return generator.generate(new CMSProcessableByteArray(CONTENT), attached);
    }

    /** Of indefinite length, the content in pieces. */
    private static byte[] streamed(boolean attached, Signer signer) throws Exception {
        CMSSignedDataStreamGenerator generator = new CMSSignedDataStreamGenerator();
        generator.addSignerInfoGenerator(generator(signer, true));
        generator.addCertificate(signer.certificate);
        generator.setBufferSize(128);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = generator.open(bytes, attached); InputStream in = new ByteArrayInputStream(CONTENT)) {
            in.transferTo(out);
        }
        return bytes.toByteArray();
    }

    private static CMSSignedData countered(CMSSignedData data, Signer by) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(generator(by, true));
        SignerInformation signer = data.getSignerInfos().getSigners().iterator().next();
        SignerInformationStore counters = generator.generateCounterSigners(signer);
        SignerInformation both = SignerInformation.addCounterSigners(signer, counters);
        CMSSignedData result = CMSSignedData.replaceSigners(data, new SignerInformationStore(List.of(both)));
        var certificates = new java.util.ArrayList<X509CertificateHolder>(data.getCertificates().getMatches(null));
        certificates.add(by.certificate);
        return CMSSignedData.replaceCertificatesAndCRLs(result, new org.bouncycastle.util.CollectionStore<>(certificates), null, null);
    }
}
