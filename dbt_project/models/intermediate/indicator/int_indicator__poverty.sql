select
    figure.indicator_code,
    commune.period_code,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    commune.reporting_unit_code,
    '' as breakdown_code,
    '' as support_code,
    case when commune.is_known then figure.numerator end as numerator,
    figure.denominator
from {{ ref('int_household__by_commune') }} as commune
left join {{ ref('int_commune__profile') }} as profile
    on
        commune.commune_code = profile.commune_code
        and commune.review_year = profile.profile_year
cross join lateral (
    values
    ('poor_household_count', commune.poor_count::numeric, null::numeric),
    ('near_poor_household_count', commune.near_poor_count, null),
    ('poor_household_rate', commune.poor_count, profile.household_count),
    ('near_poor_household_rate', commune.near_poor_count, profile.household_count),
    ('multidimensional_poverty_rate', commune.poor_count + commune.near_poor_count, profile.household_count),
    (
        'ethnic_minority_poor_household_rate',
        commune.ethnic_minority_poor_count,
        profile.ethnic_minority_household_count
    ),
    ('poor_merit_household_count', commune.merit_poor_count, null),
    ('poor_household_temporary_house_count', commune.temporary_house_poor_count, null),
    ('poor_household_income_per_capita', commune.poor_income_vnd, commune.poor_member_count),
    ('poverty_escape_rate', commune.escaped_count, commune.poor_at_start_count),
    ('poverty_relapse_rate', commune.relapsed_count, commune.poor_count)
) as figure (indicator_code, numerator, denominator)
