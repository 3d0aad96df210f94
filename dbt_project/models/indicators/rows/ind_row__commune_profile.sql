-- The year from which a plan counts the communes that leave the list of the extremely difficult ones.
with exit_baseline as not materialized (
    select
        programme.province_code,
        programme.valid_from_year,
        programme.valid_to_year,
        min(target.baseline_year) as baseline_year
    from {{ ref('dim_target') }} as target
    inner join {{ ref('dim_programme') }} as programme on target.programme_code = programme.programme_code
    where target.indicator_code = 'extremely_difficult_commune_exit_rate'
    group by programme.province_code, programme.valid_from_year, programme.valid_to_year
),

profile as not materialized (
    select
        period_code,
        '' as standard_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        commune_code,
        district_code,
        province_code,
        year,
        household_count,
        ethnic_minority_household_count,
        is_extremely_difficult,
        has_paved_road,
        village_count,
        villages_with_hardened_road,
        villages_with_electricity,
        irrigation_need_ha,
        irrigation_met_ha,
        labour_force,
        trained_labour,
        vocationally_trained_labour,
        trained_in_year,
        trained_and_employed,
        sender_code,
        submission_id,
        sheet_name,
        row_number
    from {{ ref('fct_commune_profile') }}
),

figure as not materialized (
    select
        'commune_paved_road_rate' as indicator_code,
        has_paved_road::integer as numerator,
        1 as denominator,
        *
    from profile
    union all
    select
        'village_hardened_road_rate',
        villages_with_hardened_road,
        village_count,
        *
    from profile
    union all
    select
        'village_electricity_rate',
        villages_with_electricity,
        village_count,
        *
    from profile
    union all
    select
        'irrigation_coverage_rate',
        irrigation_met_ha,
        irrigation_need_ha,
        *
    from profile
    union all
    select
        'trained_labour_rate',
        trained_labour,
        labour_force,
        *
    from profile
    union all
    select
        'vocationally_trained_labour_rate',
        vocationally_trained_labour,
        labour_force,
        *
    from profile
    union all
    select
        'post_training_employment_rate',
        trained_and_employed,
        trained_in_year,
        *
    from profile
    union all
    select
        'extremely_difficult_commune_exit_rate',
        (baseline.is_extremely_difficult and not profile.is_extremely_difficult)::integer,
        baseline.is_extremely_difficult::integer,
        profile.*
    from profile
    inner join exit_baseline
        on
            profile.province_code = coalesce(exit_baseline.province_code, profile.province_code)
            and profile.year between exit_baseline.valid_from_year and exit_baseline.valid_to_year
    left join {{ ref('fct_commune_profile') }} as baseline
        on
            profile.commune_code = baseline.commune_code
            and exit_baseline.baseline_year = baseline.year
),

-- what the households of the lists are measured against, once for each standard of the year
household_figure as not materialized (
    select
        measured.indicator_code,
        0 as numerator,
        measured.denominator,
        list.standard_code as list_standard_code,
        profile.*
    from profile
    inner join {{ ref('fct_review_coverage') }} as list
        on
            profile.commune_code = list.commune_code
            and profile.year = list.review_year
    cross join lateral (
        values
        ('poor_household_rate', profile.household_count),
        ('near_poor_household_rate', profile.household_count),
        ('multidimensional_poverty_rate', profile.household_count),
        ('ethnic_minority_poor_household_rate', profile.ethnic_minority_household_count)
    ) as measured (indicator_code, denominator)
)

select {{ indicator_row("'commune_profile'") }}
from figure
union all
select {{ indicator_row("'commune_profile'", standard_code='figure.list_standard_code') }}
from household_figure as figure
