import adql.parser.ADQLParser;
import adql.parser.ParseException;
import adql.parser.TokenMgrError;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The parser of VOLLT's ADQL library, without the checks of names that can follow it. */
public final class Adapter {
	private Adapter() {
	}

	/**
	 * With --batch: queries that each end in a NUL byte, a line of answer for each. With --time N: all of them
	 * first, then N passes, and for each pass a line with the nanoseconds of each query. Else one query.
	 */
	public static void main(final String[] arguments) throws IOException {
		final PrintStream answers = System.out;
		System.setOut(System.err); // what the parser itself prints is no answer
		if (Arrays.asList(arguments).contains("--time")) {
			final List<String> texts = new ArrayList<>();
			for (String text = next(System.in); text != null; text = next(System.in))
				texts.add(text);
			for (int pass = Integer.parseInt(arguments[arguments.length - 1]); pass > 0; pass--)
				answers.println(texts.stream().map(Adapter::nanoseconds).collect(Collectors.joining(" ")));
			return;
		}
		if (!Arrays.asList(arguments).contains("--batch")) {
			final String reason = refusal(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
			if (reason != null)
				System.err.println(reason);
			System.exit(reason == null ? 0 : 1);
		}
		for (String text = next(System.in); text != null; text = next(System.in)) {
			final String reason = refusal(text);
			answers.print(reason == null ? "valid\n" : "invalid\t" + reason + "\n");
			answers.flush();
		}
	}

	private static String refusal(final String text) {
		try {
			new ADQLParser().parseQuery(text);
			return null;
		} catch (final ParseException | TokenMgrError error) {
			final String reason = String.valueOf(error.getMessage()).replaceAll("\\s+", " ").trim();
			return reason.substring(0, Math.min(300, reason.length()));
		}
	}

	private static String nanoseconds(final String text) {
		final long begin = System.nanoTime();
		refusal(text);
		return Long.toString(System.nanoTime() - begin);
	}

	private static String next(final InputStream input) throws IOException {
		final ByteArrayOutputStream text = new ByteArrayOutputStream();
		for (int octet = input.read(); octet >= 0; octet = input.read()) {
			if (octet == 0)
				return text.toString(StandardCharsets.UTF_8);
			text.write(octet);
		}
		return null;
	}
}
